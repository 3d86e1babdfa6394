// Debian's Chromium through playwright-core: one place for its path and flags.
import { chromium } from 'playwright-core'

export function launch(options = {}) {
  return chromium.launch({
    executablePath: process.env.NEARFIELD_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', ...(options.args ?? [])],
  })
}
