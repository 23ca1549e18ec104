// The version of this program: the one place where package.json is read. The build replaces the import by its content.

import manifest from "../package.json" with { type: "json" };

export const VERSION: string = manifest.version;
