// A Sealpost client over MQTT.js, to read and to start from: docs/clients.md in JavaScript. It does the handshake
// SEALPOST-1 with MQTT 5, or takes a ticket from REST and speaks MQTT 3.1.1; over TCP, TLS and WebSocket.
//
// A browser has MQTT.js's own bundle, wss://, WebCrypto in place of signed.mjs and IndexedDB in place of store.mjs. The
// rest is this file. What is never left to MQTT.js: it may not reconnect by itself, for each connection needs a new
// handshake, nor send again what was under way, for that is for the Welcome to say. So each connection is a new client
// object of MQTT.js, and the outbox is ours.

import { TLSSocket } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import {
  base64url, canonicalize, isSignedBy, keysOf, linkOf, newestOf, permalinkOf, randomBytes, signed
} from './signed.mjs'

const method = 'SEALPOST-1'
const reason = { continue: 0x18, again: 0x19, notAuthorized: 0x87, takenOver: 0x8E }
const pauseMs = { first: 50, most: 5000 }

const must = (truth, otherwise) => { if (!truth) throw new Error(otherwise) }

// RFC 9266: what only the two ends of this TLS connection can know.
const bindingOf = stream => base64url(stream.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)))

export class Device {
  // store: a Store. endpoint: as the server's configuration lists it, `wss://chat.example:443`. hears(what, fields) is
  // told of all that happens. server: the permalink that the server must have, if it came another way (else the first
  // server that is met is believed, and should be shown to a person). rest: the base of REST, to speak 3.1.1.
  constructor (store, endpoint, { hears = () => {}, server, rest, ca, now = Date.now } = {}) {
    Object.assign(this, { store, endpoint, hears, expected: server, rest, ca, now })
    this.offset = 0            // the server's clock less ours
    this.light = undefined     // of the connection; none without one
    this.inFlight = new Map()  // link -> the publication that is not answered yet
    this.over = undefined      // why there is no sense in connecting again
  }

  get server () { return permalinkOf(this.store.server[0]) }
  get serverTime () { return Math.round(this.now() + this.offset) }
  topic (name) { return `sp/${this.store.permalink}/${this.store.self.device}/${name}` }

  // Connecting.

  // Connects, and does so again whenever the connection ends.
  async stay () {
    this.#sayAnew()
    for (let pause = pauseMs.first; !this.over; pause = Math.min(pause * 2, pauseMs.most)) {
      let ended
      try {
        await this.connect()
        pause = pauseMs.first
        ended = await this.closed
      } catch (error) {
        ended = error
      }
      this.client?.end(true) // where the end was ours
      this.#judge(ended)
      this.hears('offline', { reason: String(ended?.message ?? ended), code: ended?.code, over: this.over })
      if (!this.over) await sleep(pause)
    }
  }

  // Some ends are for good. All others mean "later": keep everything, wait, connect again.
  #judge ({ code }) {
    if (code === reason.takenOver) this.over ??= 'another connection of this device has taken over'
    if (code === reason.notAuthorized && !this.welcome) this.over ??= 'the server says no; only its log says why'
  }

  async connect () {
    this.inFlight.clear()
    this.welcome = undefined
    const welcome = this.rest ? await this.#connectByTicket() : await this.#connectByHandshake()
    this.#greeted(welcome)
    if (this.over) return this.#drop(new Error(this.over))
    const topics = { inbox: { qos: 1 }, ack: { qos: 0 }, reject: { qos: 0 }, light: { qos: 0 } }
    const named = Object.fromEntries(Object.entries(topics).map(([name, how]) => [this.topic(name), how]))
    await Promise.race([this.client.subscribeAsync(named), this.closed.then(end => { throw end })])
    this.hears('online', { light: welcome.light, epoch: welcome.epoch, bound: this.bound, ...welcome.position })
    this.#pump()
  }

  async #connectByHandshake () {
    const properties = { ...this.#carrying(this.#hello('connect')), receiveMaximum: 16 }
    const connack = await this.#dial({ protocolVersion: 5, properties })
    return this.#checkedWelcome(JSON.parse(connack.properties.authenticationData))
  }

  async #connectByTicket () {
    const challenge = await this.#post('/v1/auth/hello', this.#hello('ticket'))
    const { welcome, ticket } = await this.#post('/v1/auth/proof', this.#proof(challenge))
    this.#checkedWelcome(welcome)
    await this.#dial({ protocolVersion: 4, username: this.store.clientId, password: ticket })
    return welcome
  }

  async #post (path, object) {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(this.rest + path, { method: 'POST', headers, body: canonicalize(object) })
    const body = await answer.json()
    if (answer.ok) return body
    throw Object.assign(new Error(`${path} gave ${body.code}`), { code: answer.status === 401 && reason.notAuthorized })
  }

  // One connection of MQTT.js; gives the CONNACK. `closed` tells how it ends.
  #dial (options) {
    must(!this.over, this.over)
    const url = this.endpoint.startsWith('ws') ? `${this.endpoint}/mqtt` : this.endpoint
    const client = mqtt.connect(url, {
      clientId: this.store.clientId, clean: true, reconnectPeriod: 0, resubscribe: false, ca: this.ca, ...options
    })
    this.client = client
    this.cause = undefined
    client.on('error', error => { this.cause ??= error })
    client.on('disconnect', ({ reasonCode }) => {
      this.cause ??= Object.assign(new Error(`DISCONNECT 0x${reasonCode.toString(16)}`), { code: reasonCode })
    })
    client.handleAuth = (packet, answer) => this.#guarded(() => this.#authenticate(packet, answer))
    // MQTT.js sends the PUBACK when `done` is called: after the message has been stored.
    client.handleMessage = ({ topic, payload }, done) => this.#guarded(() => {
      this.#heard(topic, payload.toString())
      done()
    })
    this.closed = new Promise(resolve => client.once('close', () => {
      if (this.client === client) {
        clearInterval(this.watch)
        this.light = undefined
      }
      resolve(this.cause ?? new Error('the connection was closed'))
    }))
    return new Promise((resolve, reject) => {
      client.once('connect', resolve)
      this.closed.then(reject)
    })
  }

  // Whatever is not as it must be ends the connection, without a PUBACK.
  #guarded (act) {
    try {
      act()
    } catch (error) {
      this.#drop(error)
    }
  }

  #drop (error) {
    this.cause ??= error
    this.client.end(true)
  }

  async stop () {
    this.over ??= 'stopped'
    await this.client?.endAsync()
  }

  // The handshake: Hello, Challenge, Proof, Welcome. Each names the link of the one before.

  #carrying (object) {
    return { authenticationMethod: method, authenticationData: Buffer.from(canonicalize(object)) }
  }

  #hello (purpose) {
    const { store } = this
    const known = store.server.length > 0
    const hello = {
      _t: 'sealpost.Hello', v: 1, client: store.permalink, device: store.self.device, key: store.keys.sign.pub,
      endpoint: this.endpoint, nonce: base64url(randomBytes(32)), purpose, _time: Math.round(this.now()),
      ...(known && { server: { permalink: this.server, link: linkOf(store.server.at(-1)) } }),
      ...(purpose === 'reauth' && { session: this.welcome.session })
    }
    this.sentHello = hello
    return hello
  }

  // An AUTH packet: a Challenge to be answered, or the Welcome that ends a re-authentication.
  #authenticate ({ reasonCode, properties }, answer) {
    const object = JSON.parse(properties.authenticationData)
    if (reasonCode === reason.continue) {
      const proof = this.#proof(object, this.client.stream)
      return answer(null, { cmd: 'auth', reasonCode: reason.continue, properties: this.#carrying(proof) })
    }
    this.#checkedWelcome(object)
    this.renewAfter = object.reauthAfter
    this.hears('renewed', { session: object.session, expires: object.expires })
    answer()
  }

  // All that must hold before anything is signed.
  #checkChallenge (challenge) {
    const versions = [...this.store.server, ...challenge.identity]
    const permalink = permalinkOf(versions[0] ?? {})
    must(challenge._t === 'sealpost.Challenge' && challenge._author === permalink, 'no Challenge of the server')
    must(permalink === (this.expected ?? permalink), 'this is another server')
    must(isSignedBy(challenge, keysOf(newestOf(versions), 'sign')), 'the Challenge is not signed by the server')
    must(challenge.hello === linkOf(this.sentHello) && challenge.client === this.store.permalink, 'not our Challenge')
    return versions
  }

  #proof (challenge, stream) {
    const { store } = this
    this.versions = this.#checkChallenge(challenge)
    this.offset = ((challenge.received - this.sentHello._time) + (challenge._time - this.now())) / 2
    this.window = challenge.limits?.window ?? 1
    this.bound = challenge.binding && stream instanceof TLSSocket // a browser cannot, and says nothing
    this.sentProof = signed({
      _t: 'sealpost.Proof', _author: store.permalink, _time: this.serverTime, challenge: linkOf(challenge),
      ...(store.log && { position: this.#position() }),
      ...(!store.confirmed && { identity: store.self.identity }),
      ...(this.bound && { binding: bindingOf(stream) })
    }, store.keys.sign)
    return this.sentProof
  }

  // What this device holds, so that both sides can compare.
  #position () {
    const { log, lane, acked, received: { n, link } } = this.store
    const sent = acked && { n: acked, link: lane[acked - 1].link }
    return { log, ...(sent && { sent }), ...(link && { received: { n, link } }) }
  }

  #checkedWelcome (welcome) {
    must(welcome._t === 'sealpost.Welcome' && welcome.proof === linkOf(this.sentProof), 'not our Welcome')
    must(welcome._author === permalinkOf(this.versions[0]), 'the Welcome is of another server')
    must(isSignedBy(welcome, keysOf(this.versions.at(-1), 'sign')), 'the Welcome is not signed by the server')
    return welcome
  }

  #greeted (welcome) {
    const { store } = this
    const { received, sent, acked } = welcome.position
    if (welcome.light === 'shut' || store.lane[received.n - 1]?.link !== received.link) {
      this.over = 'the two histories differ: this device label is over'
    }
    store.note('welcome', {
      server: welcome._author, identity: this.versions, log: welcome.log.id, epoch: welcome.epoch, light: welcome.light,
      received, sent, acked, own: welcome.identity === linkOf(store.self.identity.at(-1))
    })
    Object.assign(this, { welcome, light: welcome.light, renewAfter: welcome.reauthAfter })
    this.#watchSession()
  }

  // Proves itself again in time, by the clock: timers stand still while a machine sleeps. 3.1.1 has to connect again.
  #watchSession () {
    this.watch = setInterval(() => {
      if (!(this.serverTime >= this.renewAfter)) return
      if (this.rest) this.#drop(new Error('the session has to be renewed'))
      else this.reauthenticate()
    }, 1000)
  }

  // Messages go on meanwhile. MQTT.js has no public call that sends AUTH.
  reauthenticate () {
    this.renewAfter = undefined
    const properties = this.#carrying(this.#hello('reauth'))
    this.client._sendPacket({ cmd: 'auth', reasonCode: reason.again, properties })
  }

  // Sending: a message is signed and stored, and sent when its turn comes.

  write (to, object, more = {}) {
    const { lane, self, keys } = this.store
    const before = lane.at(-1)
    const message = signed({
      _t: 'sealpost.Message', _author: this.store.permalink, _d: self.device, _recipient: to, _n: lane.length + 1,
      _time: Math.max(this.serverTime, (before?.time ?? 0) + 1), _z: base64url(randomBytes(16)), object, ...more,
      ...(before && { _q: before.link })
    }, keys.sign)
    this.store.note('intent', { bytes: canonicalize(message) })
    this.#pump()
    return linkOf(message)
  }

  // Publishes what waits, in order, while the light is green and the window has room.
  #pump () {
    for (const entry of this.store.waiting) {
      if (this.light !== 'green' || this.inFlight.size >= this.window) return
      if (!this.inFlight.has(entry.link)) this.#publish(entry)
    }
  }

  #publish (entry) {
    const publication = {}
    this.inFlight.set(entry.link, publication)
    this.client.publish(this.topic('outbox'), entry.text, { qos: 1 }, (_, puback) => this.#guarded(() => {
      if (puback && this.inFlight.get(entry.link) === publication) this.#answered(entry, puback)
    }))
    this.hears('published', { link: entry.link })
  }

  // A PUBACK that no `ack` and no `reject` came before. In MQTT 5 it is an answer in itself.
  #answered ({ n, link }, { reasonCode, properties }) {
    if (this.rest) return
    if (reasonCode >= 0x80) return this.#rejected({ link, n, code: properties?.userProperties?.code })
    this.#acked({ link, n, via: 'puback' })
  }

  #heard (topic, text) {
    const object = JSON.parse(text)
    switch (topic.slice(this.topic('').length)) {
      case 'inbox': return this.#delivered(object, text)
      case 'ack': return this.#acked(object)
      case 'reject': return this.#rejected(object)
      case 'light': return this.#lit(object.light)
    }
  }

  #lit (light) {
    this.light = light
    this.hears('light', { light })
    this.#pump()
  }

  #acked (ack) {
    this.inFlight.delete(ack.link)
    if (this.store.lane[ack.n - 1]?.link === ack.link) {
      if (ack.n > this.store.acked) this.store.note('ack', ack)
      this.hears('ack', ack)
    }
    this.#pump()
  }

  #rejected (reject) {
    this.inFlight.delete(reject.link)
    if (!this.store.waiting.some(({ link }) => link === reject.link)) return // void, with one before it
    this.hears('reject', reject)
    switch (reject.code) {
      case 'drain_first': // the same bytes, when the light is green
        this.light = 'drain'
        return
      case 'gap': // the same bytes, after those before it
        must(!(reject.expected?.n <= this.store.acked), 'the server has lost what it had acknowledged')
        return this.#pump()
      case 'fork':
      case 'shut':
        this.over = `${reject.code}: this device label is over`
        return this.#drop(new Error(this.over))
      case 'clock':
        if (reject.time) this.offset = reject.time - this.now()
        return this.#void(reject)
      default: // a fault of ours
        return this.#void(reject)
    }
  }

  #void ({ link, n, code }) {
    const { waiting } = this.store
    for (const entry of waiting.slice(waiting.findIndex(entry => entry.link === link))) this.inFlight.delete(entry.link)
    this.store.note('reject', { link, n, code })
    this.#sayAnew()
  }

  // The store keeps what is to be said anew until it is: a crash between two of them loses none.
  #sayAnew () {
    while (this.store.toSay.length > 0) {
      const [{ to, object, more }] = this.store.toSay
      this.write(to, object, more)
    }
  }

  // Receiving: check, store; the PUBACK follows.

  #delivered (message, text) {
    const { store } = this
    const { n, link } = store.received
    must(message._author === this.server && message._recipient === store.permalink, 'a delivery of or for another')
    const keys = store.server.flatMap(version => keysOf(version, 'sign'))
    must(isSignedBy(message, keys), 'a delivery is not signed by the server')
    if (message._n <= n) return // stored before, on a connection that broke before the PUBACK
    must(message._n === n + 1, `delivery ${message._n} came where ${n + 1} was due`)
    must(n === 0 || !link || message._q === link, 'a delivery does not name the one before it')
    this.#checkPayload(message.object)
    store.note('received', { bytes: text })
    this.hears('message', message)
  }

  // What others have written is delivered whole, after their identity: their own signature counts.
  #checkPayload (object) {
    const { store } = this
    if (object._t === 'sealpost.Identity') newestOf([...store.peer(permalinkOf(object)), object])
    if (object._t !== 'sealpost.Message') return
    const keys = store.peer(object._author).flatMap(version => keysOf(version, 'sign'))
    must(isSignedBy(object, keys), 'a relayed message is not signed by its author')
    must(object._recipient === store.permalink, 'a relayed message is for another')
    must(object._n > store.newestFrom(object), 'a relayed message is not newer than the last of its author')
  }
}
