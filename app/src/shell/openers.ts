/** How the action table opens what lives inside components. Filled while they are mounted. */
export const openers: {
  palette?: () => void
  device?: () => void
  receipt?: (() => void) | undefined
  /** With a file that was dropped, or none yet. */
  transcribe?: (file?: File) => void
  exportVideo?: () => void
  /** Set while a dialogue that wants a video is open: a dropped one is for it. */
  video?: (file: File) => void
} = {}
