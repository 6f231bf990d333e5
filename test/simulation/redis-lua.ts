// Runs the mesh's own Lua scripts, unchanged, on fengari. What differs from Redis's Lua 5.1 is that whole
// numbers have 32 bits here: the clock of a simulation begins near 0, so that every time fits.

import fengari from "fengari";

const { lua, lauxlib, lualib, to_luastring } = fengari;
const INTEGER_MAX = 2 ** 31 - 1;
const TEXTS_MAX = 5000;

/** What a command answers to a script, and a script to its caller. */
export type Reply = string | number | false | readonly Reply[];

/** Runs a command for a script. */
export type Command = (args: readonly string[]) => Reply;

const state = lauxlib.luaL_newstate();
lualib.luaL_openlibs(state);
const scripts = new Map<string, number>();
/** Where texts lie in Lua's registry: pushing one from there copies nothing, and they are few. */
const texts = new Map<string, number>();
/** The texts of Lua's bytes, which it keeps where it found them. */
const read = new WeakMap<Uint8Array, string>();
let command: Command = () => false;

lua.lua_createtable(state, 0, 1);
lua.lua_pushcfunction(state, () => {
  const count = lua.lua_gettop(state);
  const args: string[] = [];
  for (let index = 1; index <= count; index += 1) {
    args.push(readText(index));
  }
  push(command(args));
  return 1;
});
lua.lua_setfield(state, -2, to_luastring("call"));
lua.lua_setglobal(state, to_luastring("redis"));
const KEYS = to_luastring("KEYS");
const ARGV = to_luastring("ARGV");

/** Runs a script. Its commands go to run. */
export function runScript(
  source: string,
  keys: readonly string[],
  args: readonly string[],
  run: Command,
): Reply {
  command = run;
  push(keys);
  lua.lua_setglobal(state, KEYS);
  push(args);
  lua.lua_setglobal(state, ARGV);
  lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, load(source));
  if (lua.lua_pcall(state, 0, 1, 0) !== lua.LUA_OK) {
    const message = lua.lua_tojsstring(state, -1);
    lua.lua_pop(state, 1);
    throw new Error(`a script failed: ${message}`);
  }
  const reply = readReply();
  lua.lua_pop(state, 1);
  return reply;
}

function load(source: string): number {
  let script = scripts.get(source);
  if (script === undefined) {
    if (lauxlib.luaL_loadstring(state, to_luastring(source)) !== lua.LUA_OK) {
      throw new Error(`a script does not load: ${lua.lua_tojsstring(state, -1)}`);
    }
    script = lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX);
    scripts.set(source, script);
  }
  return script;
}

/** Reads what a script returns: a number, or a list of numbers and texts. */
function readReply(): Reply {
  if (lua.lua_type(state, -1) === lua.LUA_TNUMBER) {
    return Math.trunc(lua.lua_tonumber(state, -1));
  }
  const length = lua.lua_rawlen(state, -1);
  const items: Reply[] = [];
  for (let index = 1; index <= length; index += 1) {
    lua.lua_rawgeti(state, -1, index);
    const isNumber = lua.lua_type(state, -1) === lua.LUA_TNUMBER;
    items.push(isNumber ? Math.trunc(lua.lua_tonumber(state, -1)) : readText(-1));
    lua.lua_pop(state, 1);
  }
  return items;
}

function push(value: Reply): void {
  if (value === false) {
    lua.lua_pushboolean(state, 0);
  } else if (typeof value === "number") {
    if (Math.abs(value) > INTEGER_MAX) {
      throw new Error(`${value} does not fit into 32 bits`);
    }
    lua.lua_pushinteger(state, value);
  } else if (typeof value === "string") {
    pushText(value);
  } else {
    lua.lua_createtable(state, value.length, 0);
    for (let index = 0; index < value.length; index += 1) {
      push(value[index] as Reply);
      lua.lua_rawseti(state, -2, index + 1);
    }
  }
}

function pushText(text: string): void {
  const known = texts.get(text);
  if (known !== undefined) {
    lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, known);
    return;
  }
  lua.lua_pushstring(state, to_luastring(text));
  if (texts.size < TEXTS_MAX) {
    lua.lua_pushvalue(state, -1);
    texts.set(text, lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX));
  }
}

function readText(index: number): string {
  const bytes = lua.lua_tostring(state, index);
  let text = read.get(bytes);
  if (text === undefined) {
    text = lua.lua_tojsstring(state, index);
    read.set(bytes, text);
  }
  return text;
}
