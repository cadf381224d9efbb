// Text, canonical text and numbers: RFC 8785, and what I-JSON refuses.

import { canonicalize, drawn, ok, refused, take } from './native.mjs'

const rfc = 'RFC 8785'
const author = 'test data of github.com/cyberphone/json-canonicalization, by the author of RFC 8785'

const published = [
  [`${rfc}, section 3.2.3: sorting`,
    '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",' +
    '"\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}',
    '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis",' +
    '"€":"Euro Sign","😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'],
  [`${author}: arrays`, '[\n  56,\n  {\n    "d": true,\n    "10": null,\n    "1": [ ]\n  }\n]',
    '[56,{"1":[],"10":null,"d":true}]'],
  [`${author}: french`,
    '{\n  "peach": "This sorting order",\n  "péché": "is wrong according to French",\n' +
    '  "pêche": "but canonicalization MUST",\n  "sin":   "ingnore locale"\n}\n',
    '{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST",' +
    '"sin":"ingnore locale"}'],
  [`${author}: structures`,
    '{\n  "1": {"f": {"f": "hi","F": 5} ,"\\n": 56.0},\n  "10": { },\n  "": "empty",\n  "a": { },\n' +
    '  "111": [ { } ],\n  "A": { }\n}',
    '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}'],
  [`${author}: unicode`, '{\n  "Unnormalized Unicode":"\\u1e0d\\u0307"\n}\n', '{"Unnormalized Unicode":"\u1e0d\u0307"}'],
  [`${author}: values`,
    '{\n  "numbers": [1E30, 4.50, 333333333.33333329, 2e-3, 0.000000000000000000000000001],\n' +
    '  "escaping": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/",\n  "literals": [null, true, false]\n}',
    '{"escaping":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/","literals":[null,true,false],' +
    '"numbers":[1e+30,4.5,333333333.3333333,0.002,1e-27]}'],
  [`${author}: weird`,
    '{\n  "\\u20ac": "Euro Sign",\n  "1": "One",\n  "\\u0080": "Control\\u007f",\n  "\\ud83d\\ude02": "Smiley",\n' +
    '  "\\u00f6": "Latin Small Letter O With Diaeresis",\n  "\\ufb33": "Hebrew Letter Dalet With Dagesh",\n' +
    '  "</script>": "Browser Challenge"\n}\n',
    '{"1":"One","</script>":"Browser Challenge","\u0080":"Control\u007f","ö":"Latin Small Letter O With Diaeresis",' +
    '"€":"Euro Sign","😂":"Smiley","\ufb33":"Hebrew Letter Dalet With Dagesh"}']
]

const own = {
  'all control characters': JSON.stringify(Array.from({ length: 33 }, (_, i) => String.fromCharCode(i))),
  'escapes that need not be': '"\\/\\u0041\\u00e9\\u2028\\ud834\\udd1e\\u007f"',
  'pairs sort before U+E000': '{"\ufffd":1,"\u{10ffff}":2,"\ue000":3,"\u{10000}":4,"\ud7ff":5}',
  'a shorter key sorts before what it begins': '{"abc":1,"ab":2,"a":3,"":4,"b":5}',
  'keys that look like numbers sort as text': '{"10":1,"9":2,"1":3,"-1":4}',
  'the order of arrays stays': '[3,1,2,[],{},[{}],null]',
  'one empty object': ' {\t\r\n} ',
  'a scalar': ' "text" ',
  'a NUL in key and text': '{"a\\u0000b":"\\u0000","a":1}',
  'more members than a small object holds': JSON.stringify(
    Object.fromEntries(take(40, drawn('keys'), bytes => [bytes.toString('hex', 0, 3), bytes[4]])))
}

export function canonical () {
  for (const [name, input, output] of published) {
    if (canonicalize(JSON.parse(input)) !== output) throw new Error(`differs from what is published: ${name}`)
  }
  const cases = published.map(([name, input, output]) => ({ name, input, canonical: output }))
  for (const [name, input] of Object.entries(own)) cases.push({ name, input, canonical: canonicalize(JSON.parse(input)) })
  return { about: 'A JSON text and its canonical form (RFC 8785).', cases }
}

// RFC 8785, appendix B: the bits of a double, and its text.
const appendixB = `0000000000000000 0
8000000000000000 0
0000000000000001 5e-324
8000000000000001 -5e-324
7fefffffffffffff 1.7976931348623157e+308
ffefffffffffffff -1.7976931348623157e+308
4340000000000000 9007199254740992
c340000000000000 -9007199254740992
4430000000000000 295147905179352830000
44b52d02c7e14af5 9.999999999999997e+22
44b52d02c7e14af6 1e+23
44b52d02c7e14af7 1.0000000000000001e+23
444b1ae4d6e2ef4e 999999999999999700000
444b1ae4d6e2ef4f 999999999999999900000
444b1ae4d6e2ef50 1e+21
3eb0c6f7a0b5ed8c 9.999999999999997e-7
3eb0c6f7a0b5ed8d 0.000001
41b3de4355555553 333333333.3333332
41b3de4355555554 333333333.33333325
41b3de4355555555 333333333.3333333
41b3de4355555556 333333333.3333334
41b3de4355555557 333333333.33333343
becbf647612f3696 -0.0000033333333333333333
43143ff3c1cb0959 1424953923781206.2`.split('\n').map(line => line.split(' '))

const literals = `0 -0 -0.0 0.0e5 1 1.0 1e0 10e-1 100 1e2 1E+2 0.1 -0.1 0.30000000000000004 123.456e-2 1.5e300
9007199254740991 -9007199254740991 9007199254740991.0 9.007199254740991e15 4503599627370497.5 1e-6 1e-7 123e-9
5e-324 4.9e-324 3e-324 2e-324 1e-400 -1e-400 1e21 1e22 1.7976931348623157e308 1.797693134862315807e308
2.2250738585072011e-308 2.2250738585072014e-308 1.00000000000000011102230246251565 1.00000000000000011102230246251566
0.000000000000000000000000000000000000000000000000000000000001 8.41e21 9.5e-323 2.225073858507201e-308
6.02214076e23 1.7800590868057611e-307 2.8480945388892175e-306 6.8985865317742005e-10 3.3333333333333335e-9
0.1000000000000000055511151231257827021181583404541015625 3.14159265358979323846264338327950288`.split(/\s+/)

const bitsOf = value => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes.toString('hex')
}

export function numbers () {
  for (const [bits, text] of appendixB) {
    if (canonicalize(Buffer.from(bits, 'hex').readDoubleBE()) !== text) throw new Error(`appendix B: ${bits}`)
  }
  const anyDouble = take(64, drawn('doubles'), bytes => {
    const value = bytes.readDoubleBE()
    return Number.isFinite(value) ? [bitsOf(value), canonicalize(value)] : undefined
  })
  const everyday = take(32, drawn('everyday'), bytes => {
    const value = bytes.readInt32BE() / 10 ** (bytes[4] % 12)
    return [bitsOf(value), canonicalize(value)]
  })
  const long = take(48, drawn('literals'), bytes => {
    const digits = bytes.readBigUInt64BE().toString() + bytes.readBigUInt64BE(8).toString()
    return `${digits[0]}.${digits.slice(1, 2 + bytes[16] % 36)}e${bytes.readInt16BE(17) % 300}`
  }).filter(text => !(Math.abs(Number(text)) > Number.MAX_SAFE_INTEGER && Math.abs(Number(text)) < 1e21))
  return {
    about: 'Doubles by their bits, and number literals, with their canonical text (RFC 8785, section 3.2.2.3). The ' +
      'first 24 doubles are the appendix B of the RFC. A double whose text is an integer beyond 2^53-1 has a ' +
      'canonical form, but is refused in an object.',
    doubles: [...appendixB, ...anyDouble, ...everyday].map(([bits, text]) => ({ bits, text })),
    literals: [...literals, ...long].map(input => ({ input, canonical: canonicalize(JSON.parse(input)) }))
  }
}

const nested = (depth, inside = '') => '['.repeat(depth) + inside + ']'.repeat(depth)
const nestedObjects = depth => '{"a":'.repeat(depth) + '0' + '}'.repeat(depth)

// name, text (or bytes in hex), outcome, and the depth allowed where it is not 32
const texts = [
  ['32 nested arrays', nested(32), ok],
  ['33 nested arrays', nested(33), refused('too_deep')],
  ['a scalar in 32 nested arrays', nested(32, '1'), ok],
  ['32 nested objects', nestedObjects(32), ok],
  ['33 nested objects', nestedObjects(33), refused('too_deep')],
  ['24 nested arrays from a client', nested(24), ok, 24],
  ['25 nested arrays from a client', nested(25), refused('too_deep'), 24],
  ['10,000 nested arrays', '['.repeat(10000), refused('too_deep')],
  ['two equal keys', '{"a":1,"a":1}', refused('duplicate_key')],
  ['two keys equal after unescaping', '{"a":1,"\\u0061":2}', refused('duplicate_key')],
  ['two escaped keys, equal in another spelling', '{"\\ud83d\\ude00":1,"😀":2}', refused('duplicate_key')],
  ['two equal keys deep inside', '[{"x":[{"k":0,"l":{"k":1},"k":2}]}]', refused('duplicate_key')],
  ['equal keys inside a value that another replaces', '{"a":{"b":1,"b":2},"a":{"c":1}}', refused('duplicate_key')],
  ['two empty keys', '{"":1,"":2}', refused('duplicate_key')],
  ['equal keys in two objects', '[{"a":1},{"a":1,"b":{"a":1}}]', ok],
  ['keys that differ in case', '{"a":1,"A":1}', ok],
  ['keys that differ in normal form only', '{"\\u00e9":1,"e\\u0301":1}', ok],
  ['equal keys among many', '{' + Array.from({ length: 50 }, (_, i) => `"k${i % 49}":${i}`).join() + '}',
    refused('duplicate_key')],
  ['a lone high surrogate', '["\\ud800"]', refused('lone_surrogate')],
  ['a lone high surrogate before text', '["\\ud800abcdefghijk"]', refused('lone_surrogate')],
  ['a lone low surrogate', '["\\udc00"]', refused('lone_surrogate')],
  ['a lone low surrogate before text', '["\\udfffabcdefghijk"]', refused('lone_surrogate')],
  ['two high surrogates', '["\\ud800\\ud800"]', refused('lone_surrogate')],
  ['surrogates in the wrong order', '["\\udc00\\ud800"]', refused('lone_surrogate')],
  ['a lone surrogate as a key', '{"\\uD834":1}', refused('lone_surrogate')],
  ['a high surrogate, then another escape', '["\\ud800\\n          "]', refused('lone_surrogate')],
  ['a pair', '["\\ud834\\udd1e"]', ok],
  ['a backslash before what looks like a surrogate', '["\\\\ud800"]', ok],
  ['integer 2^53', '[9007199254740992]', refused('integer_range')],
  ['integer -2^53', '[-9007199254740992]', refused('integer_range')],
  ['integer 2^63', '[9223372036854775808]', refused('integer_range')],
  ['integer -2^63', '[-9223372036854775808]', refused('integer_range')],
  ['integer 2^64', '[18446744073709551616]', refused('integer_range')],
  ['an integer of 400 digits', `[${'9'.repeat(400)}]`, refused('integer_range')],
  ['2^53 with a fraction', '[9007199254740992.0]', refused('integer_range')],
  ['2^53 with an exponent', '[9007199254740992e0]', refused('integer_range')],
  ['1e20, whose canonical form is an integer literal', '[1e20]', refused('integer_range')],
  ['-1e20', '[-1e20]', refused('integer_range')],
  ['1e21, whose canonical form has an exponent', '[1e21]', ok],
  ['the largest safe integers', '[9007199254740991,-9007199254740991]', ok],
  ['1e309', '[1e309]', refused('number_range')],
  ['-1e309', '[-1e309]', refused('number_range')],
  ['the half way to the next beyond the largest double', '[1.7976931348623159e308]', refused('number_range')],
  ['an exponent of 20 digits', '[1e99999999999999999999]', refused('number_range')],
  ['bytes after the value', '{} x', refused('trailing_bytes')],
  ['two values', '{}{}', refused('trailing_bytes')],
  ['a NUL after the value', '{}\u0000', refused('trailing_bytes')],
  ['white space around', ' \t\r\n[]\n', ok],
  ['nothing', '', refused('syntax')],
  ['white space only', ' \n', refused('syntax')],
  ['an object cut short', '{"a":1', refused('syntax')],
  ['a text cut short', '["abc', refused('syntax')],
  ['a text cut short in an escape', '["\\u00', refused('syntax')],
  ['a trailing comma in an array', '[1,]', refused('syntax')],
  ['a trailing comma in an object', '{"a":1,}', refused('syntax')],
  ['a comment', '[1/* no */]', refused('syntax')],
  ['single quotes', "['a']", refused('syntax')],
  ['a key without quotes', '{a:1}', refused('syntax')],
  ['NaN', '[NaN]', refused('syntax')],
  ['Infinity', '[Infinity]', refused('syntax')],
  ['a leading zero', '[01]', refused('syntax')],
  ['a leading plus', '[+1]', refused('syntax')],
  ['no digit after the point', '[1.]', refused('syntax')],
  ['no digit before the point', '[.5]', refused('syntax')],
  ['no digit in the exponent', '[1e]', refused('syntax')],
  ['a hexadecimal number', '[0x10]', refused('syntax')],
  ['a raw line feed in a text', '["a\nb"]', refused('syntax')],
  ['a raw NUL in a text', '["a\u0000b"]', refused('syntax')],
  ['an escape that is none', '["\\x41"]', refused('syntax')],
  ['literals in capitals', '[TRUE]', refused('syntax')],
  ['a byte order mark', '\ufeff[]', refused('syntax')]
]

const bytes = [
  ['a lone continuation byte', '5b2280225d'],
  ['an overlong slash of 2 bytes', '5b22c0af225d'],
  ['an overlong NUL of 2 bytes', '5b22c080225d'],
  ['an overlong slash of 3 bytes', '5b22e080af225d'],
  ['an overlong slash of 4 bytes', '5b22f08080af225d'],
  ['a surrogate in UTF-8', '5b22eda080225d'],
  ['a pair of surrogates in UTF-8', '5b22eda081edb080225d'],
  ['beyond U+10FFFF', '5b22f4908080225d'],
  ['a lead byte of 5', '5b22f888808080225d'],
  ['the byte FF', '5b22ff225d'],
  ['a sequence cut short by the quote', '5b22e282225d'],
  ['a sequence cut short by the end', '5b22e282'],
  ['a bad byte in a key', '7b22ff223a317d'],
  ['Latin-1', '5b22e9225d']
]

export function parsing () {
  const cases = texts.map(([name, text, outcome, depth]) => ({ name, text, ...(depth && { depth }), ...outcome }))
  for (const [name, hex] of bytes) cases.push({ name, hex, ...refused('invalid_utf8') })
  return { about: 'Texts, and whether they may be part of an object. `depth`: the limit where it is not 32.', cases }
}
