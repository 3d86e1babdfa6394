/**
 * What each task is called here, and how many versions are asked for at once. Which of them the
 * device offers is the SDK's to say (Status.tasks). Knows no React.
 */
import type { Status, Task } from 'nearfield'

interface TaskWords {
  readonly label: string
  /** Said while the answer is on its way. */
  readonly waiting: string
  /** "Fixing 3 of 9" */
  readonly doing: string
  /** A taste is chosen from several. */
  readonly versions: number
}

/** What "More versions" asks for. */
export const VERSIONS = 3

export const TASKS: Record<Task, TaskWords> = {
  fix: { label: 'Fix', waiting: 'Reading the cue…', doing: 'Fixing', versions: 1 },
  shorten: {
    label: 'Shorten',
    waiting: 'Looking for a shorter line…',
    doing: 'Shortening',
    versions: 1,
  },
  formal: {
    label: 'Formal',
    waiting: 'Looking for formal words…',
    doing: 'Rewriting',
    versions: VERSIONS,
  },
  casual: {
    label: 'Casual',
    waiting: 'Looking for casual words…',
    doing: 'Rewriting',
    versions: VERSIONS,
  },
  simple: {
    label: 'Simpler',
    waiting: 'Looking for simpler words…',
    doing: 'Rewriting',
    versions: VERSIONS,
  },
  rewrite: {
    label: 'Rewrite',
    waiting: 'Looking for other words…',
    doing: 'Rewriting',
    versions: VERSIONS,
  },
}

/** Why the device does not offer it; '' where it does, and as long as that is not known. */
export function notOffered(status: Status | null, task: Task): string {
  const offer = status?.tasks.find((one) => one.task === task)
  return offer && !offer.offered ? offer.why || 'this model is not good at it' : ''
}
