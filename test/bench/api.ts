export const measureApi = async (_: object) => ({});
export const apiText = (_: object) => "";
