// Draws what a terminal showed as an SVG with text in it: selectable, searchable, small. It has its own dark ground, so it can be read
// on a light page and on a dark one. What is shown is for picture.ts.

/** One terminal of the picture, as `tmux capture-pane -e -p` gives it: lines with SGR colour sequences. */
export type Pane = { readonly title: string; readonly screen: string };

type Style = { readonly color: string; readonly bold: boolean; readonly dim: boolean };
type Piece = Style & { readonly column: number; readonly text: string };

const COLUMNS = 80;
const CELL_WIDTH = 8.4;
const LINE_HEIGHT = 19;
const MARGIN = 16;
const TITLE_HEIGHT = 30;
const TEXT_COLOR = "#d6dbe4";
/** SGR 30–37; none darker than it takes to be read on the ground (WCAG 2 AA). */
const COLORS = ["#8b949e", "#ff8f8f", "#7ee2a8", "#f0cf72", "#8fb8ff", "#d9a8ff", "#79d9e8", TEXT_COLOR];
const PLAIN: Style = { color: TEXT_COLOR, bold: false, dim: false };

/** The panes one below the other. `description` is what somebody hears who does not see it. */
export function drawTerminals(panes: readonly Pane[], description: string): string {
	const width = COLUMNS * CELL_WIDTH + 2 * MARGIN;
	let top = 0;
	const drawn = panes.map(({ title, screen }) => {
		const lines = screen.replace(/\s+$/, "").split("\n");
		const height = TITLE_HEIGHT + lines.length * LINE_HEIGHT + MARGIN;
		const pane = [
			`<g transform="translate(0 ${top})">`,
			`<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8" fill="#161b22" stroke="#8b949e" stroke-opacity=".6"/>`,
			`<text x="${width / 2}" y="19" text-anchor="middle" fill="#9aa4b1">${escapeXml(title)}</text>`,
			...lines.flatMap((line, row) => drawLine(line, TITLE_HEIGHT + (row + 1) * LINE_HEIGHT - 5)),
			"</g>",
		];
		top += height + 10;
		return pane.join("\n");
	});
	const height = top - 10;
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
		` font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">\n`,
		`<title>${escapeXml(description)}</title>\n`,
		`${drawn.join("\n")}\n</svg>\n`,
	].join("");
}

/** The width of each piece is set, so that columns stand under columns in whatever font the reader has. */
function drawLine(line: string, baseline: number): readonly string[] {
	return readPieces(line).map(({ column, text, color, bold, dim }) => {
		const place = `x="${round(MARGIN + column * CELL_WIDTH)}" y="${baseline}" textLength="${round(Bun.stringWidth(text) * CELL_WIDTH)}"`;
		const look = `fill="${color}"${bold ? ' font-weight="bold"' : ""}${dim ? ' fill-opacity=".7"' : ""}`;
		return `<text ${place} ${look} xml:space="preserve">${escapeXml(text)}</text>`;
	});
}

/** A line in pieces of one style each; pieces of blanks are left out. */
export function readPieces(line: string): readonly Piece[] {
	const pieces: Piece[] = [];
	let style = PLAIN;
	let column = 0;
	// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one.
	for (const [, codes, text = ""] of line.matchAll(/\x1b\[([\d;]*)m|([^\x1b]+)/g)) {
		if (codes !== undefined) style = applyCodes(style, codes);
		const start = column + text.length - text.trimStart().length;
		if (text.trim() !== "") pieces.push({ column: start, text: text.trim(), ...style });
		column += Bun.stringWidth(text);
	}
	return pieces;
}

function applyCodes(before: Style, codes: string): Style {
	let style = before;
	for (const code of codes.split(";").map(Number)) style = applyCode(style, code);
	return style;
}

function applyCode(style: Style, code: number): Style {
	switch (code) {
		case 0:
			return PLAIN;
		case 1:
			return { ...style, bold: true };
		case 2:
			return { ...style, dim: true };
		case 22:
			return { ...style, bold: false, dim: false };
		case 39:
			return { ...style, color: TEXT_COLOR };
	}
	return { ...style, color: COLORS[code >= 90 ? code - 90 : code - 30] ?? style.color };
}

function round(length: number): number {
	return Math.round(length * 10) / 10;
}

function escapeXml(text: string): string {
	return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
