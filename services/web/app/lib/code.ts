// A pickup code on a screen, by ear and under a clerk's fingers or scanner. It is a string: leading zeros
// count, and spaces and dashes do not. The mesh groups the codes that it shows; what was typed is grouped
// here.

const GROUP = /\d{1,4}/g;
const SEPARATORS = /[\s-]+/;
const PASSED_OVER = /[\s\-–—.]/gu;
/** A code of a tenant that chose nothing. */
const USUAL = /^\d{8}$/;

/** "12345678" as "1234 5678". What is grouped stays as it is. */
export function groupCode(code: string): string {
  return groupsOf(code).length > 1 ? code : (code.match(GROUP)?.join(" ") ?? code);
}

/** "12345678" as "1 2 3 4, 5 6 7 8": a screen reader says digits, not millions. */
export function spellCode(code: string): string {
  return groupsOf(groupCode(code))
    .map((group) => [...group].join(" "))
    .join(", ");
}

/** Says what someone typed or scanned. What a tenant's codes look like is the tenant's policy, which the mesh
 * knows: only a whole code of the usual form is known here, and looked up before Enter. */
export function readCode(
  typed: string,
):
  | { readonly kind: "empty" }
  | { readonly kind: "code"; readonly code: string; readonly isWhole: boolean } {
  const code = typed.trim();
  if (!/[\p{L}\p{N}]/u.test(code)) {
    return { kind: "empty" };
  }
  const digits = code.replaceAll(PASSED_OVER, "");
  return USUAL.test(digits)
    ? { kind: "code", code: digits, isWhole: true }
    : { kind: "code", code, isWhole: false };
}

function groupsOf(code: string): string[] {
  return code.split(SEPARATORS).filter((group) => group !== "");
}
