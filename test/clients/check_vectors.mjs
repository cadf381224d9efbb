// Holds signed.mjs to the golden vectors of proto/vectors: canonical form, links, signatures and identities. What is
// refused there for its form alone (a bad field, too large) is left out: a client gets what the server has taken.
//
//     node check_vectors.mjs FOLDER

import { deepStrictEqual, ok } from 'node:assert'
import { readFileSync } from 'node:fs'
import { canonicalize, isSignedBy, linkOf, newestOf, permalinkOf } from './signed.mjs'

const casesOf = name => JSON.parse(readFileSync(`${process.argv[2]}/${name}.json`)).cases
const judged = ['ok', 'not_signed', 'bad_signature', 'not_update_key', 'missing_proof', 'bad_proof', 'wrong_version',
  'wrong_previous', 'wrong_permalink', 'wrong_author']

let count = 0
function each (name, check) {
  for (const vector of casesOf(name).filter(({ outcome }) => outcome === undefined || judged.includes(outcome))) {
    try {
      check(vector)
    } catch (error) {
      error.message = `${name}, ${vector.name}: ${error.message}`
      throw error
    }
    count += 1
  }
}

each('canonical', ({ input, canonical }) => deepStrictEqual(canonicalize(JSON.parse(input)), canonical))

each('objects', ({ text, stored, link, outcome }) => {
  const object = JSON.parse(text)
  deepStrictEqual(isSignedBy(object, [object._s?.key]), outcome === 'ok')
  if (outcome === 'ok') deepStrictEqual([canonicalize(object), linkOf(object)], [stored, link])
})

each('identities', ({ versions, link, permalink, outcome }) => {
  const whole = versions.map(text => JSON.parse(text))
  let newest
  try {
    newest = newestOf(whole)
  } catch (error) {
    return ok(outcome !== 'ok', error.message)
  }
  deepStrictEqual([outcome, linkOf(newest), permalinkOf(newest)], ['ok', link, permalink])
})

console.log(`${count} vectors hold`)
