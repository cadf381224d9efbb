// Drives MQTT.js as any program would use it, for ordinary MQTT: one JSON command a line on standard input, one JSON
// event a line on standard output.
//
//     node plain_mqttjs.mjs '{"url": URL, "options": {...}, "ca"?: FILE}'

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import mqtt from 'mqtt'

const { url, options, ca } = JSON.parse(process.argv[2])
const tell = (heard, fields) => process.stdout.write(JSON.stringify({ heard, ...fields }) + '\n')

const client = mqtt.connect(url, { reconnectPeriod: 100, ...options, ca: ca && readFileSync(ca) })
client.on('connect', ({ sessionPresent }) => tell('connected', { present: sessionPresent }))
client.on('close', () => tell('closed'))
client.on('error', error => tell('error', { code: error.code, reason: error.message }))
client.on('message', (topic, payload, { qos, retain, properties }) => {
  tell('message', { topic, text: payload.toString(), qos, retain, type: properties?.contentType })
})

const commands = {
  subscribe: ({ filter, qos }) => client.subscribe(filter, { qos }, (error, granted) => {
    tell('subscribed', { reasons: granted?.map(one => one.qos), error: error?.message })
  }),
  publish: ({ topic, text, ...how }) => client.publish(topic, text, how, error => {
    tell('published', { topic, text, error: error?.message })
  }),
  end: () => client.end(false, () => process.exit()),
  vanish: () => process.exit()
}
const lines = createInterface({ input: process.stdin })
lines.on('line', line => {
  const command = JSON.parse(line)
  commands[command.do](command)
})
