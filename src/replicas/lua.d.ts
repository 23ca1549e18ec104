// Tells the compiler what Bun makes of `import script from "./x.lua" with { type: "text" }`: the file's text, embedded at build time.
// A text import has only a default export; that is why this one file declares one.

declare module "*.lua" {
	const text: string;
	export default text;
}
