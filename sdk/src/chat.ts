/** Loaded by Nearfield.chat when it is first asked; not an entry of the package. */
export { createCompletion } from './chat/completions.ts'
