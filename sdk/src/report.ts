/**
 * What somebody needs who is to find out why it is slow, refused or on the CPU: one page of
 * Markdown to paste into an issue. Loaded when Nearfield.report() is first asked; not an entry of
 * the package. Holds no text that was edited or written, no query string and no key
 * (report/calls.ts, report/clean.ts), and takes a few seconds at most, whatever hangs.
 */
import type { Noted } from './journal.ts'
import { callFacts } from './report/calls.ts'
import { type Fact, megabytes, section } from './report/lines.ts'
import { machineSections } from './report/machine.ts'
import type { Status } from './types.ts'
import { VERSION } from './version.ts'

/** status: of the model the report is about; null: none is open. */
export async function report(journal: readonly Noted[], status: Status | null): Promise<string> {
  const machine = await machineSections()
  return [
    '# nearfield report',
    `${new Date().toISOString()}, nearfield ${VERSION}`,
    ...machine,
    modelSection(status),
    section('Last calls', callFacts(journal)),
    '',
  ].join('\n\n')
}

function modelSection(status: Status | null): string {
  if (!status?.model) return section('Model', [['model', 'none is open']])
  const { model, probe, adapters, tasks } = status
  const tasksThat = (offered: boolean) =>
    tasks
      .filter((one) => one.offered === offered)
      .map(({ task }) => task)
      .join(', ')
  const facts: Fact[] = [
    ['model', `${model.id}, ${megabytes(model.bytes)}`],
    ['state', status.state],
    ['backend', `${status.backend} (${status.backendWhy}): ${status.backendReason}`],
    ['GPU in the worker', status.gpu],
    ['its features', probe?.gpuFeatures.join(', ') ?? 'not asked yet'],
    ['binds at once', probe ? megabytes(probe.gpuBindingBytes) : 'not asked yet'],
    ['kernels', status.kernels],
    ['replaced kernels', status.replacedKernels],
    ['threads', `${status.threads}, ${status.isolated ? '' : 'not '}isolated`],
    ['read from storage', status.cached ? 'yes' : 'no'],
    [
      'adapters',
      adapters.map(({ name, task, bytes }) => `${name} (${task}, ${megabytes(bytes)})`).join(', '),
    ],
    ['tasks', tasksThat(true)],
    ['not offered', tasksThat(false)],
  ]
  return section('Model', facts, [['sha256', model.sha256]])
}
