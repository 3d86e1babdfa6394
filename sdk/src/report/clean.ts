/**
 * Lines of others (errors, drivers, addresses) made fit to be shown to strangers: one line, short,
 * without query strings, passwords and what looks like a key.
 */

const LENGTH_MAX = 240

export function clean(line: string): string {
  const safe = line
    .replace(/\s+/g, ' ')
    .replace(/\b(blob|data|javascript):\S+/gi, '$1:…')
    .replace(/:\/\/[^/\s]*@/g, '://')
    .replace(/([?#])[^\s?#]\S*/g, '$1…')
    .replace(/(?<![a-z])(bearer\s|(?:token|key|secret|password)\s*[:=])\s*\S+/gi, '$1…')
    .replace(/\b(?=[\w-]*\d)[\w-]{24,}/g, '…')
    .trim()
  return safe.length > LENGTH_MAX ? `${safe.slice(0, LENGTH_MAX)}…` : safe
}
