// Aligned tables for a terminal of 100 columns, and how numbers look in them.

/** The first column is aligned left, the others right; wide cells of the first `left` columns stay left. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], left = 1): string {
	const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? "").length)));
	const line = (cells: readonly string[]): string =>
		cells
			.map((cell, column) => (column < left ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
			.join("  ")
			.trimEnd();
	return [line(head), line(widths.map((width) => "─".repeat(width))), ...rows.map(line)].join("\n");
}

/** Three significant digits, never an exponent; `–` for what was not measured. */
export function show(value: number): string {
	if (!Number.isFinite(value)) return "–";
	const size = Math.abs(value);
	if (size >= 100) return value.toFixed(0);
	return value.toFixed(size >= 10 ? 1 : 2);
}

/** `×1.23` */
export function ratio(value: number): string {
	return Number.isFinite(value) ? `×${show(value)}` : "–";
}
