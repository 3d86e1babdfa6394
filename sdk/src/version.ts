/** The package's version; version.test.ts holds it to package.json. */
export const VERSION = '0.1.0'
