/**
 * Script URLs for pages with `require-trusted-types-for 'script'` (our server's policy asks for
 * it). Only URLs of this package's own files, made by the bundler or the browser, pass here.
 */

interface Policy {
  createScriptURL(url: string): string
}
interface Factory {
  createPolicy(name: string, rules: Policy): Policy
}

let policy: Policy | null = null

/** What new Worker() takes: a TrustedScriptURL where there are such things, else the string. */
export function scriptUrl(url: string): string {
  const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes
  policy ??= factory?.createPolicy('nearfield', { createScriptURL: (own) => own }) ?? null
  return policy ? policy.createScriptURL(url) : url
}
