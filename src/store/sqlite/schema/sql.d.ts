// Tells the compiler what Bun makes of `import sql from "./x.sql" with { type: "text" }`: the file's text, embedded at build time.
// A text import has only a default export; that is why this one file declares one.

declare module "*.sql" {
	const text: string;
	export default text;
}
