/**
 * Switches that Chromium, Electron, Node.js or the desktop put on a command line. They are not for us and not an error:
 * a second instance, a test driver or a launcher may add any of them.
 */
const EXACT = new Set([
  '--no-sandbox', '--headless', '--test-type', '--no-first-run', '--no-default-browser-check', '--no-zygote', '--incognito',
  '--in-process-gpu', '--single-process', '--hide-scrollbars', '--mute-audio', '--updated', '--relaunch', '--expose-gc',
  '--allow-file-access-from-files', '--allow-running-insecure-content', '--ignore-certificate-errors', '--start-maximized',
]);

const PREFIXES = [
  '--type=', '--remote-debugging-', '--remote-allow-origins', '--inspect', '--user-data-dir', '--disable-', '--enable-', '--force-',
  '--use-', '--log-', '--gpu-', '--ozone-', '--lang=', '--js-flags', '--password-store', '--proxy-', '--original-process-start-time',
  '--trace-', '--metrics-', '--field-trial', '--crashpad', '--window-', '--app-path', '--app=', '--load-extension', '--host-', '--v=',
  '--vmodule', '--render', '--autoplay-policy', '--blink-settings', '--max-old-space-size', '--squirrel-', '--no-proxy', '--high-dpi',
];

export function isForeignSwitch(argument: string): boolean {
  // macOS gives a process serial number to programs started from the Finder.
  return EXACT.has(argument) || /^-psn_\d/.test(argument) || PREFIXES.some((prefix) => argument.startsWith(prefix));
}
