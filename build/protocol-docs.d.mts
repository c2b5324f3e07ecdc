export const protocolFile: string;
export const documentFile: string;
export function protocolDocument(protocol: unknown): string;
