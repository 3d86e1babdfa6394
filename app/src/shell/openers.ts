/** How the action table opens what lives inside components. Filled while they are mounted. */
export const openers: {
  palette?: () => void
  device?: () => void
  receipt?: (() => void) | undefined
} = {}
