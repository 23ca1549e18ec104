export const measureStartup = async (_: object) => ({});
export const startupText = (_: object) => "";
