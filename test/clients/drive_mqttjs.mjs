// Drives the client in mqttjs_client.mjs for test/system/mqttjs_client_test.py: one JSON command a line on standard
// input, one JSON event a line on standard output.
//
//     node drive_mqttjs.mjs '{"ledger": FILE, "name": NAME, "endpoint": URL, "server"?, "rest"?, "ca"?: FILE}'

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Device } from './mqttjs_client.mjs'
import { Store } from './store.mjs'

const { ledger, name, endpoint, server, rest, ca } = JSON.parse(process.argv[2])
const tell = (heard, fields) => process.stdout.write(JSON.stringify({ heard, ...fields }) + '\n')

let jump = 0 // ms by which this machine's clock is wrong
const store = new Store(ledger, name)
const device = new Device(store, endpoint, {
  server, rest, ca: ca && readFileSync(ca), hears: tell, now: () => Date.now() + jump
})
tell('self', { permalink: store.permalink, device: store.self.device })

const commands = {
  write: ({ to, object }) => tell('written', { link: device.write(to ?? device.server, object) }),
  jump: ({ ms }) => { jump = ms },
  reauthenticate: () => device.reauthenticate(),
  stop: () => device.stop()
}
const lines = createInterface({ input: process.stdin })
lines.on('line', line => {
  const command = JSON.parse(line)
  commands[command.do](command)
})
lines.on('close', commands.stop)

await device.stay()
tell('over', { reason: device.over })
store.close()
lines.close()
process.stdin.destroy()
