/**
 * Starts the editor: trusted types, engine, stores, keys, React. The only place where the parts
 * are chosen; everything else is given what it needs. Read next: shell/app.tsx.
 */
import { createRoot } from 'react-dom/client'
import { nearfieldEngine } from './assist/engine'
import { ProjectStore } from './project/store'
import { AppView } from './shell/app'
import { createApp } from './shell/create'
import { allowOwnWorkers } from './shell/trusted'
import './shell/theme.css'
import './shell/layout.css'

allowOwnWorkers()
const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')

const app = createApp(nearfieldEngine, new ProjectStore())
createRoot(root).render(<AppView app={app} />)

addEventListener('pagehide', () => void app.workspace.flush())
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') void app.workspace.flush()
})
void app.workspace.restore()
void app.editor.model.look()
