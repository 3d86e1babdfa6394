/**
 * What the page's side of this package takes from a browser, for node: build.mjs puts these names
 * in the place of the globals, so that no global of the process is changed.
 */
import { pathToFileURL } from 'node:url'

export { fetch } from './files.ts'
export { Worker } from './thread.ts'

/** Relative URLs, and so paths, are of the working directory. */
export const document = {
  get baseURI(): string {
    return pathToFileURL(`${process.cwd()}/`).href
  },
}

/** Of web/life.ts. */
export class ProgressEvent extends Event {
  readonly lengthComputable: boolean
  readonly loaded: number
  readonly total: number

  constructor(
    type: string,
    { lengthComputable = false, loaded = 0, total = 0 }: ProgressEventInit,
  ) {
    super(type)
    this.lengthComputable = lengthComputable
    this.loaded = loaded
    this.total = total
  }
}
