import { expect, test } from 'vitest'
import { watchUser } from './user.ts'

test('a browser that tells nothing is online and has no battery', () => {
  const nothing = { offline: false, saveData: false, metered: false }
  expect(watchUser({})()).toEqual(nothing)
  expect(watchUser({ getBattery: () => Promise.reject(new Error('denied')) })()).toEqual(nothing)
})

test('facts are of the moment they are asked for', async () => {
  const battery = { charging: true, level: 0.5 }
  const tells = {
    onLine: true,
    connection: { saveData: false, type: 'wifi' },
    getBattery: async () => battery,
  }
  const facts = watchUser(tells)
  expect(facts()).toEqual({ offline: false, saveData: false, metered: false })
  await null
  tells.onLine = false
  tells.connection = { saveData: true, type: 'cellular' }
  battery.charging = false
  battery.level = 0.1
  const now = { offline: true, saveData: true, metered: true, discharging: true, battery: 0.1 }
  expect(facts()).toEqual(now)
})
