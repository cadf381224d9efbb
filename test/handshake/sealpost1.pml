/* SEALPOST-1 (PROTOCOL section 3) before an attacker that owns the network: it hears every object, delivers any of them
   to anybody at any time, or nobody, makes objects of its own, and signs with its own keys. It holds no other's key.

   A, a client, runs two handshakes, wherever and with whomever it is led to; S, a server, answers two; E, the attacker,
   is a client and a server itself. There are no secrets but keys, so all objects are known to E. An object is its content
   (an entry of the tables below; equal contents are one entry, as equal texts have one link) and the set of keys that
   have signed it: a link does not cover the signature.

   -DWITHOUT_...  leaves one protection out, and must show an attack; model.py has the list. */

#define A 1 /* who, and at the same time whose endpoint */
#define S 2
#define E 3
#define S_PLAIN 4 /* S's endpoint without TLS */
#define KEY_A 1 /* keys, as bits */
#define KEY_S 2
#define KEY_E 4
#define KEY_OLD 8 /* A's, until a later version of its identity dropped it */
#define HELLO 1
#define CHALLENGE 2
#define PROOF 3
#define WELCOME 4
#define CONNECT 1 /* purposes: over MQTT, */
#define TICKET 2  /* over REST */
#define OBJECTS 15
#define LIFETIME 0 /* a Challenge is over in the next period */
#define NONE 0

#ifdef SHOW_RUN /* claims that no run comes to its end beside a busy attacker */
#define SHOW_A_RUN true
#else
#define SHOW_A_RUN false
#endif
#ifndef MADE_UP
#define MADE_UP 1 /* signed objects of the attacker's own making, at most */
#endif
#ifndef STOLEN
#define STOLEN 0 /* which keys of A's the attacker has besides its own */
#endif

/* What each mutation leaves out of the objects or of the checks. */
#ifdef WITHOUT_ROLE
#define TYPE(t) NONE
#else
#define TYPE(t) (t)
#endif
#ifdef WITHOUT_HELLO_NONCE
#define HELLO_NONCE(n) NONE
#else
#define HELLO_NONCE(n) (n)
#endif
#ifdef WITHOUT_CHALLENGE_NONCE
#define CHALLENGE_NONCE(n) NONE
#else
#define CHALLENGE_NONCE(n) (n)
#endif
#ifdef WITHOUT_HELLO_LINK
#define HELLO_LINK(l) NONE
#else
#define HELLO_LINK(l) (l)
#endif
#ifdef WITHOUT_CHALLENGE_LINK
#define CHALLENGE_LINK(l) NONE
#else
#define CHALLENGE_LINK(l) (l)
#endif
#ifdef WITHOUT_PROOF_LINK
#define PROOF_LINK(l) NONE
#else
#define PROOF_LINK(l) (l)
#endif
#ifdef WITHOUT_BINDING
#define BINDING(x) NONE
#else
#define BINDING(x) (x)
#endif
#ifdef WITHOUT_CLIENT
#define CLIENT(c) NONE
#else
#define CLIENT(c) (c)
#endif

/* Whose key in force `k` is. */
#define OWNER(k) ((k) == KEY_A -> A : ((k) == KEY_S -> S : ((k) == KEY_E -> E : NONE)))
#define KEY_OF(w) ((w) == A -> KEY_A : ((w) == S -> KEY_S : ((w) == E -> KEY_E : NONE)))

/* The objects: a type, who has made it (a Hello: the client), the object before it, and fields of their own. */
byte type[OBJECTS], author[OBJECTS], before[OBJECTS], signers[OBJECTS];
byte nonce[OBJECTS];    /* Hello, Challenge */
byte key[OBJECTS];      /* Hello */
byte endpoint[OBJECTS]; /* Hello: whose, or S_PLAIN */
byte purpose[OBJECTS];  /* Hello */
byte client[OBJECTS];   /* Challenge */
byte binding[OBJECTS];  /* Challenge: whether the listener ends TLS; Proof: the exporter value */
byte objects = 0;       /* of them; entry 0 is none */

/* A's two handshakes. */
byte a_step[2];     /* 1: Hello sent, 2: Proof sent, and waits for a Welcome */
byte a_endpoint[2]; /* as dialled */
byte a_pin[2];      /* the server it knows; none: first meeting */
byte a_server[2];   /* whom it takes the server for */
byte a_purpose[2], a_hello[2], a_challenge[2], a_proof[2];
byte a_exporter[2]; /* of its TLS connection: that of S's handshake 0 or 1 (1, 2), or one that ends at E (3, 4) */

/* S's two. */
byte s_step[2]; /* 1: Challenge sent, 2: Proof taken */
byte s_purpose[2], s_hello[2], s_challenge[2], s_made[2];
#define EXPORTER(s) ((s) + 1)
#ifdef PLAIN_LISTENER /* S's second handshake is on a listener without TLS; A dials the one with TLS */
#define ENDS_TLS(s) ((s) == 0)
#define ENDPOINT_OF(s) ((s) == 0 -> S : S_PLAIN)
#else
#define ENDS_TLS(s) true
#define ENDPOINT_OF(s) S
#endif

/* What A and S check; each may be left out. */
#ifdef WITHOUT_ROLE
#define IS(o, t) true
#define HAS_FIELDS(o) false /* nothing tells whether these are there */
#else
#define IS(o, t) (type[o] == (t))
#define HAS_FIELDS(o) true
#endif
#ifdef WITHOUT_ENDPOINT
#define ENDPOINT_OK(h, s) true
#elif defined(ENDPOINT_OF_LISTENER)
#define ENDPOINT_OK(h, s) (endpoint[h] == ENDPOINT_OF(s))
#else /* any of S's */
#define ENDPOINT_OK(h, s) (endpoint[h] == S || endpoint[h] == S_PLAIN || !HAS_FIELDS(h))
#endif
#ifdef WITHOUT_PURPOSE
#define PURPOSE_OK(h, p) true
#else
#define PURPOSE_OK(h, p) (purpose[h] == (p) || !HAS_FIELDS(h))
#endif
#ifdef WITHOUT_SERVER_AUTHOR
#define SERVER_OK(o, w) true
#else
#define SERVER_OK(o, w) (author[o] == (w))
#endif
#ifdef WITHOUT_SERVER_SIGNATURE
#define SERVER_SIGNED(o, w) (signers[o] != 0)
#else
#define SERVER_SIGNED(o, w) ((signers[o] & KEY_OF(w)) != 0)
#endif
#ifdef WITHOUT_AUTHOR
#define AUTHOR_OK(o, w) true
#else
#define AUTHOR_OK(o, w) (author[o] == (w))
#endif
#ifdef WITHOUT_KEY
#define CLIENT_SIGNED(o, k) (signers[o] != 0)
#else
#define CLIENT_SIGNED(o, k) ((signers[o] & (k)) != 0)
#endif
#ifdef WITHOUT_KEY_IN_FORCE
#define IN_FORCE(k, w) (OWNER(k) == (w) || ((k) == KEY_OLD && (w) == A))
#else
#define IN_FORCE(k, w) (OWNER(k) == (w))
#endif
#ifdef WITHOUT_EXPIRY
#define IN_TIME(s) true
#else
#define IN_TIME(s) (now <= s_made[s] + LIFETIME)
#endif
#ifdef WITHOUT_ORDER
#define NEWEST(s, w) true
#else
#define NEWEST(s, w) ((w) != A || (s) + 1 > newest || s_step[s] == 2)
#endif
#ifdef WITHOUT_ONCE
#define MAY_PROVE(s) (s_step[s] != 0)
#else
#define MAY_PROVE(s) (s_step[s] == 1)
#endif
#define BOUND_HERE(o, s) (binding[o] == NONE || !IS(o, PROOF) || (ENDS_TLS(s) && binding[o] == EXPORTER(s)))

short taken = 0;  /* Proofs that S has taken, as bits */
byte newest = 0;  /* of the Challenges that A has proven, the newest: 1 or 2 */
byte now = 0;
byte made_up = 0; /* signed objects of E's own making */
byte i, m, k, r, x, y, z, u; /* choices of the moment; 0 between the steps */

/* r = the entry with that content, a new one where there is none yet. */
inline put(pType, pAuthor, pBefore, pNonce, pKey, pEndpoint, pPurpose, pClient, pBinding) {
  r = 1;
  do
  :: r > objects -> break
  :: r <= objects && type[r] == TYPE(pType) && author[r] == (pAuthor) && before[r] == (pBefore) && nonce[r] == (pNonce) &&
     key[r] == (pKey) && endpoint[r] == (pEndpoint) && purpose[r] == (pPurpose) && client[r] == (pClient) && binding[r] == (pBinding) -> break
  :: else -> r++
  od;
  if
  :: r > objects ->
     assert(r < OBJECTS);
     objects = r;
     type[r] = TYPE(pType); author[r] = pAuthor; before[r] = pBefore; nonce[r] = pNonce; key[r] = pKey; endpoint[r] = pEndpoint;
     purpose[r] = pPurpose; client[r] = pClient; binding[r] = pBinding
  :: else
  fi
}

inline pick(o, kind) { /* any object that may pass for a `kind`; 0 where there is none */
  o = 1;
  do
  :: o < objects -> o++
  :: IS(o, kind) -> break
  :: o == objects && !IS(o, kind) -> o = 0; break
  od;
  skip /* a d_step cannot be jumped into */
}
inline pick_one(o, one, other) {
  if :: o = one :: o = other fi
}

/* A begins both: what it sends depends on nothing that happens, so it may as well come first, and E may wait. In its first
   handshake A is led to any endpoint, for any purpose, with any server in mind; the second is an ordinary one. The TLS
   connection of either ends at S, or at E. */
inline a_begins(which, whose, pin, why, exporter) {
  a_endpoint[which] = whose; a_pin[which] = pin; a_purpose[which] = why; a_exporter[which] = exporter; a_step[which] = 1;
  put(HELLO, A, NONE, HELLO_NONCE(1 + which), KEY_A, whose, why, NONE, NONE);
  a_hello[which] = r
}
inline a_is_led() {
  pick_one(x, S, E);
  if :: y = S :: y = E :: y = NONE fi;
  pick_one(z, CONNECT, TICKET);
  pick_one(u, EXPORTER(0), EXPORTER(2));
  pick_one(k, EXPORTER(1), EXPORTER(3));
  d_step { a_begins(0, x, y, z, u); a_begins(1, S, S, CONNECT, k) }
}

/* S answers a Hello: one that it has heard, or that E makes up. */
inline s_answers() {
  if :: s_step[0] == 0 -> i = 0 :: s_step[0] != 0 && s_step[1] == 0 -> i = 1 fi;
  if :: z = CONNECT :: i == 0 -> z = TICKET fi; /* its carrier */
  if
  :: objects > 0 -> pick(m, HELLO)
  :: if :: x = A :: x = S :: x = E fi;
     if :: y = KEY_OF(x) :: x == A -> y = KEY_E :: x == A && STOLEN != 0 -> y = STOLEN fi;
     u = ENDPOINT_OF(i);
     d_step { put(HELLO, x, NONE, HELLO_NONCE(5), y, u, z, NONE, NONE); m = r }
  fi;
  d_step {
    if
    :: IS(m, HELLO) && ENDPOINT_OK(m, i) && PURPOSE_OK(m, z) ->
       s_hello[i] = m; s_step[i] = 1; s_made[i] = now; s_purpose[i] = z;
       put(CHALLENGE, S, HELLO_LINK(m), CHALLENGE_NONCE(3 + i), NONE, NONE, NONE, CLIENT(author[m]), ENDS_TLS(i));
       signers[r] = signers[r] | KEY_S;
       s_challenge[i] = r
    :: else
    fi
  }
}

/* A is shown any object as the Challenge. */
inline a_proves() {
  if :: a_step[0] == 1 -> i = 0 :: a_step[1] == 1 -> i = 1 fi;
  pick(m, CHALLENGE);
  d_step {
    x = (a_pin[i] != NONE -> a_pin[i] : author[m]);
    if
    :: x != NONE && x != A && IS(m, CHALLENGE) && SERVER_OK(m, x) && SERVER_SIGNED(m, x) &&
       before[m] == HELLO_LINK(a_hello[i]) && client[m] == CLIENT(A) ->
       a_server[i] = x; a_challenge[i] = m; a_step[i] = 2;
       u = (binding[m] != NONE -> a_exporter[i] : NONE);
       put(PROOF, A, CHALLENGE_LINK(m), NONE, NONE, NONE, NONE, NONE, BINDING(u));
       signers[r] = signers[r] | KEY_A;
       a_proof[i] = r;
       if
       :: x == S -> /* S has answered this very Hello, and nobody takes an answer twice */
          assert((m == s_challenge[0] && s_hello[0] == a_hello[i]) || (m == s_challenge[1] && s_hello[1] == a_hello[i]));
          assert(a_challenge[0] != a_challenge[1])
       :: else
       fi
    :: else
    fi
  }
}

/* S is shown any object as the Proof. */
inline s_takes() {
  if :: MAY_PROVE(0) -> i = 0 :: MAY_PROVE(1) -> i = 1 fi;
  pick(m, PROOF);
  d_step {
    y = author[s_hello[i]];
    k = key[s_hello[i]];
    if :: k == NONE && !HAS_FIELDS(m) -> k = KEY_OF(y) :: else fi;
    if
    :: IS(m, PROOF) && before[m] == CHALLENGE_LINK(s_challenge[i]) && AUTHOR_OK(m, y) && CLIENT_SIGNED(m, k) &&
       IN_FORCE(k, y) && BOUND_HERE(m, i) && IN_TIME(i) && NEWEST(i, y) ->
       s_step[i] = 2;
       assert(now <= s_made[i] + LIFETIME);  /* freshness */
       assert((taken & (1 << m)) == 0);      /* injectivity: a Proof opens one session */
       taken = taken | (1 << m);
       assert(y != S);                       /* reflection: S has never been a client */
       if
       :: y == A ->
          assert(i + 1 > newest);            /* no session of A is taken over by what is older */
          newest = i + 1;
          /* agreement: A has made this Proof, in a handshake with S, that is this one in all that matters */
          x = (a_proof[1] == m -> 1 : 0);
          assert(a_proof[x] == m && a_step[x] >= 2);
          assert(a_server[x] == S);
          assert(a_hello[x] == s_hello[i] && a_challenge[x] == s_challenge[i]);
          assert(a_endpoint[x] == S);
          assert(a_purpose[x] == s_purpose[i]);
          assert(a_exporter[x] == EXPORTER(i))
       :: else
       fi;
       put(WELCOME, S, PROOF_LINK(m), NONE, NONE, NONE, NONE, NONE, NONE);
       signers[r] = signers[r] | KEY_S
    :: else
    fi
  }
}

/* A is shown any object as the Welcome. */
inline a_is_welcome() {
  if :: a_step[0] == 2 -> i = 0 :: a_step[1] == 2 -> i = 1 fi;
  pick(m, WELCOME);
  d_step {
    if
    :: IS(m, WELCOME) && before[m] == PROOF_LINK(a_proof[i]) && author[m] == a_server[i] &&
       SERVER_SIGNED(m, a_server[i]) ->
       assert(a_server[i] != S || (taken & (1 << a_proof[i])) != 0); /* S has taken A's Proof */
       assert(!SHOW_A_RUN || a_server[i] != S || i == 0 || made_up == 0 || now == 0)
    :: else
    fi
  }
}

/* E signs something, in anybody's name; of all that it could sign only what somebody may take for an answer. It never needs
   a binding in a Proof, since to give none is allowed. */
inline e_signs() {
  made_up < MADE_UP;
  if :: k = KEY_E :: STOLEN != 0 -> k = STOLEN fi;
  if
  :: pick_one(x, S, E); d_step { put(CHALLENGE, x, HELLO_LINK(a_hello[0]), CHALLENGE_NONCE(5), NONE, NONE, NONE, CLIENT(A), true) }
  :: pick(m, CHALLENGE);
     if
     :: m != 0 && author[m] == S -> pick_one(x, A, E); d_step { put(PROOF, x, CHALLENGE_LINK(m), NONE, NONE, NONE, NONE, NONE, NONE) }
     :: m != 0 -> r = m /* as it is there already: a link does not cover the signature */
     :: else
     fi
  :: a_step[0] == 2 ->
     pick_one(x, S, E); d_step { put(WELCOME, x, PROOF_LINK(a_proof[0]), NONE, NONE, NONE, NONE, NONE, NONE) }
  fi;
  d_step { if :: r > 0 -> signers[r] = signers[r] | k; made_up++ :: else fi }
}

#define DONE d_step { i = 0; m = 0; k = 0; r = 0; x = 0; y = 0; z = 0; u = 0 }

active proctype network() {
  atomic { a_is_led(); DONE };
  do
  :: atomic { s_answers(); DONE }
  :: atomic { a_proves(); DONE }
  :: atomic { s_takes(); DONE }
  :: atomic { a_is_welcome(); DONE }
  :: atomic { e_signs(); DONE }
  :: atomic { now <= LIFETIME && (s_step[0] == 1 || s_step[1] == 1) -> now++ }
  od
}
