// What a device knows, in a file: one JSON line for each thing it is about to do or has learnt, synced before the next
// step (docs/clients.md, section 7). A browser would keep the same in IndexedDB. The lines are those of
// test/support/ledger.py, so that test/ledger/check.py can judge a run of this client as well.

import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { base64url, keyPair, linkOf, newIdentity, permalinkOf, randomBytes } from './signed.mjs'

export class Store {
  constructor (path, name) {
    this.lane = []                  // own messages that count, in order: {n, link, text, time}; lane[n - 1] is n
    this.acked = 0                  // so many of them are known to be in the server's log
    this.toSay = []                 // what a reject has made void and is to be signed anew: {to, object, more}
    this.received = { n: 0 }        // the last delivery that is stored
    this.server = []                // the server's identity, all versions: the pin
    this.peers = new Map()          // permalink -> identity versions, as the server delivered them
    this.heard = new Map()          // author and device -> number of the last relayed message
    this.log = undefined            // the server's log id, of the last Welcome
    const bytes = readFileSync(path, { flag: 'a+' })
    const whole = bytes.lastIndexOf(10) + 1
    this.file = openSync(path, 'a')
    ftruncateSync(this.file, whole) // what a crash tore off was never acted on
    for (const line of bytes.toString('utf8', 0, whole).split('\n').filter(Boolean)) this.#learn(JSON.parse(line))
    if (!this.self) this.#begin(name)
    this.keys = { sign: keyPair(Buffer.from(this.self.sign, 'hex')) }
  }

  // A new identity on a new device. Its label is drawn at random: two stores never share one.
  #begin (name) {
    const [sign, update] = [keyPair(), keyPair()]
    const created = Date.now()
    const identity = [newIdentity(name, { sign, update }, created)]
    this.note('self', {
      name, created, identity, permalink: linkOf(identity[0]), device: `d${base64url(randomBytes(9))}`,
      sign: sign.seed.toString('hex'), update: update.seed.toString('hex')
    })
  }

  note (kind, fields) {
    const entry = { kind, at: Date.now(), ...fields }
    writeSync(this.file, JSON.stringify(entry) + '\n')
    fsyncSync(this.file)
    this.#learn(entry)
  }

  #learn (entry) {
    switch (entry.kind) {
      case 'self': this.self = entry; break
      case 'welcome': return this.#welcomed(entry)
      case 'intent': return this.#meant(entry)
      case 'ack': this.acked = Math.max(this.acked, entry.n); break
      case 'reject': return this.#refused(entry)
      case 'received': return this.#took(entry)
    }
  }

  // What lies above the server's `received` is to be sent again; what lies below it is acknowledged.
  #welcomed ({ identity, log, received, acked, own }) {
    Object.assign(this, { server: identity, log, confirmed: own, acked: received.n })
    if (this.received.n === 0) this.received = { n: acked } // a new device starts at the out-lane's head
  }

  #meant ({ bytes }) {
    const message = JSON.parse(bytes)
    this.lane[message._n - 1] = { n: message._n, link: linkOf(message), text: bytes, time: message._time }
    this.toSay.shift() // if there is any, it comes first
  }

  // The refused message is void, and with it those signed after it, which name it. Their numbers are free, and they are
  // said anew: the first only where the clock was its fault, for else it would be refused again.
  #refused ({ link, code }) {
    const at = this.lane.findIndex((entry, index) => index >= this.acked && entry.link === link)
    if (at < 0) return
    const drafts = this.lane.splice(at).map(({ text }) => {
      const { _recipient, object, context, inReplyTo } = JSON.parse(text)
      return { to: _recipient, object, more: { ...(context && { context }), ...(inReplyTo && { inReplyTo }) } }
    })
    this.toSay = code === 'clock' ? drafts : drafts.slice(1)
  }

  #took ({ bytes }) {
    const { object, ...message } = JSON.parse(bytes)
    this.received = { n: message._n, link: linkOf({ ...message, object }) }
    if (object._t === 'sealpost.Message') this.heard.set(`${object._author}.${object._d}`, object._n)
    if (object._t === 'sealpost.Identity') {
      const permalink = permalinkOf(object)
      this.peers.set(permalink, [...this.peer(permalink), object])
    }
  }

  get permalink () { return this.self.permalink }
  get clientId () { return `${this.self.permalink}.${this.self.device}` }
  get waiting () { return this.lane.slice(this.acked) }
  peer (permalink) { return this.peers.get(permalink) ?? [] }
  newestFrom ({ _author, _d }) { return this.heard.get(`${_author}.${_d}`) ?? 0 }
  close () { closeSync(this.file) }
}
