// The part of fengari (Lua 5.3 in JavaScript) that redis-lua.ts calls; it brings no types of its own.

declare module "fengari" {
  type State = { readonly brand: "lua_State" };
  type Text = Uint8Array;
  interface Fengari {
    readonly lua: {
      readonly LUA_OK: number;
      readonly LUA_REGISTRYINDEX: number;
      readonly LUA_TNUMBER: number;
      lua_createtable(state: State, length: number, fields: number): void;
      lua_gettop(state: State): number;
      lua_pcall(state: State, args: number, results: number, handler: number): number;
      lua_pop(state: State, count: number): void;
      lua_pushboolean(state: State, value: number): void;
      lua_pushcfunction(state: State, run: (state: State) => number): void;
      lua_pushinteger(state: State, value: number): void;
      lua_pushstring(state: State, text: Text): void;
      lua_pushvalue(state: State, index: number): void;
      lua_rawgeti(state: State, index: number, key: number): number;
      lua_rawlen(state: State, index: number): number;
      lua_rawseti(state: State, index: number, key: number): void;
      lua_setfield(state: State, index: number, name: Text): void;
      lua_setglobal(state: State, name: Text): void;
      lua_tostring(state: State, index: number): Text;
      lua_tojsstring(state: State, index: number): string;
      lua_tonumber(state: State, index: number): number;
      lua_type(state: State, index: number): number;
    };
    readonly lauxlib: {
      luaL_loadstring(state: State, text: Text): number;
      luaL_newstate(): State;
      luaL_ref(state: State, index: number): number;
    };
    readonly lualib: { luaL_openlibs(state: State): void };
    to_luastring(text: string): Text;
  }
  const fengari: Fengari;
  export default fengari;
}
