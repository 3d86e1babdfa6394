/**
 * Starts the editor: engine, stores, keys, React. The only place where the parts
 * are chosen; everything else is given what it needs. Read next: shell/app.tsx.
 */
import { createRoot } from 'react-dom/client'
import { createEngine } from './assist/engine'
import { seekServer } from './assist/seek'
import { HttpJobs } from './jobs/client'
import { ProjectStore } from './project/store'
import { AppView } from './shell/app'
import { createApp } from './shell/create'
import './shell/theme.css'
import './shell/layout.css'

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')

const asked = new URLSearchParams(location.search)
const client = new HttpJobs()
const app = createApp(
  createEngine(() => client.token()),
  new ProjectStore(),
  client,
)
app.editor.store.set({ debug: asked.has('debug') })
createRoot(root).render(<AppView app={app} />)

addEventListener('pagehide', () => void app.workspace.flush())
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') void app.workspace.flush()
})
// Only when the text could not be kept here is leaving a loss, or when a file is half sent, which
// must be chosen again to go on.
addEventListener('beforeunload', (event) => {
  const { project, save } = app.editor.store.get()
  if ((project && save === 'failed') || app.jobs.uploading) event.preventDefault()
})
// "./dev run --demo" prints the address with ?sample.
if (asked.has('sample')) {
  history.replaceState(null, '', asked.has('debug') ? '?debug' : location.pathname)
  void app.workspace.openSample()
} else void app.workspace.restore()
void app.jobs.look()
void app.editor.model.look().then(() => seekServer(app.editor.model))
