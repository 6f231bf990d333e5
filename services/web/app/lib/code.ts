// A pickup code on a screen, by ear and under a clerk's fingers. It is a string of digits: leading zeros
// count, and spaces and dashes do not. The mesh groups the codes that it shows; what was typed is grouped
// here.

/** How many digits a code has. */
export const CODE_DIGITS = 8;

const GROUP = /\d{1,4}/g;
const SEPARATORS = /[\s-]+/;

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

/** Says what someone typed: a whole code, or what is missing. */
export function readCode(
  typed: string,
):
  | { readonly kind: "code"; readonly code: string }
  | { readonly kind: "empty" }
  | { readonly kind: "short"; readonly digits: number }
  | { readonly kind: "long"; readonly digits: number }
  | { readonly kind: "strange"; readonly character: string } {
  const strange = /[^\d\s\-–—.]/u.exec(typed)?.[0];
  if (strange !== undefined) {
    return { kind: "strange", character: strange };
  }
  const code = typed.replaceAll(/\D/g, "");
  if (code.length === CODE_DIGITS) {
    return { kind: "code", code };
  }
  if (code.length === 0) {
    return { kind: "empty" };
  }
  return { kind: code.length < CODE_DIGITS ? "short" : "long", digits: code.length };
}

function groupsOf(code: string): string[] {
  return code.split(SEPARATORS).filter((group) => group !== "");
}
