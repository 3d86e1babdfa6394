import { Nearfield } from 'nearfield'

const [text, fix, receipt] = ['text', 'fix', 'receipt'].map((id) => document.getElementById(id))
const nf = await Nearfield.open({ model: '/models/smollm2-135m-instruct.q4_1/' })
fix.disabled = false
fix.onclick = async () => {
  const result = await nf.edit({ task: 'fix', text: text.value })
  text.value = result.text
  receipt.textContent = `${result.verdict} in ${Math.round(result.receipt.totalMs)} ms, here`
}
