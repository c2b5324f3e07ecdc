/** The name and version that exports carry. */
import packageJson from '../../package.json' with { type: 'json' };

export const APP_VERSION: string = packageJson.version;
export const GENERATOR = `Heaphouse ${APP_VERSION}`;
