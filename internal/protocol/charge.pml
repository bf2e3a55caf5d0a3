/*
 * The protocol of one charge, as docs/protocol.md states it: two workers, the scheduler that leases
 * the charge, Stripe with its idempotency keys and its events, the customer, and the operator who
 * cancels. Workers die, tasks are doubled, answers are lost, requests are late, keys are forgotten:
 * FAULTS bounds how many of these happen in one run.
 *
 * Each guard of the protocol can be removed by a definition, to show that the model notices:
 *   NEW_KEY      a request is sent under a new idempotency key each time
 *   NO_LEASE     a worker acts on a task of an older lease
 *   NO_HOLD      a worker that was held up sends although the charge was claimed again
 *   NO_LOOKUP    an attempt is sent again although Stripe may have forgotten its key
 *   NO_WAIT      a look-up takes a request that is still on its way for one that never arrived
 *   NO_CHECK     a charge is sent without the last check whether it was canceled
 *   NO_DEDUPE    an event about a payment is recorded without regard to what is recorded already
 */

#ifndef FAULTS
#define FAULTS 2
#endif
#define ATTEMPTS 2 /* attempts at the charge, by number from 1 */
#define LEASES 3   /* claims of the charge */

mtype = { due, collecting, declined, paid, canceled };    /* status of the charge */
mtype = { none, unknown, took, refused, failed };         /* outcome of an attempt */

/* The database: rows change only in atomic steps, under the plan's lock. */
mtype status = due;
mtype outcome[ATTEMPTS + 1];
byte last = 0;        /* number of the last attempt */
byte lease = 0;       /* of the charge */
byte sent[ATTEMPTS + 1]; /* lease under which an attempt was last sent */
byte recorded = 0;    /* how often the charge was recorded as paid */
bool stopping = false; /* canceled while an attempt was under way */

/* Stripe: a key executes a request once, unless it is forgotten. */
bool used[ATTEMPTS + 1];
bool forgotten[ATTEMPTS + 1];
bool old[ATTEMPTS + 1];      /* the attempt is older than a key is relied on */
byte since[ATTEMPTS + 1];    /* the lease under which it became so */
byte coming[ATTEMPTS + 1];   /* requests of an attempt that are on their way */
mtype answer[ATTEMPTS + 1];  /* what the key replays */
bool intent = false;         /* the charge's PaymentIntent is known here */
bool open = false;           /* Stripe has a PaymentIntent that is not paid */
byte taken = 0;              /* payments that took money */

/* What happened. */
byte faults = 0;
bool stopped = false;        /* a cancellation was acknowledged while nothing was under way */
byte after = 0;              /* requests sent after that, which Stripe would carry out */

chan tasks = [3] of { byte };
chan events = [2] of { byte };

inline fault() { faults < FAULTS; faults++ }

/* Stripe carries out a request of attempt n: a retry confirms the PaymentIntent it has, so that no
   second one can be paid; the first attempt creates one. */
inline carry_out(n) {
  atomic {
    if
    :: coming[n] == 0 -> skip /* it has arrived meanwhile */
    :: else ->
       coming[n]--;
       if
       :: used[n] && !forgotten[n] -> skip /* the answer is replayed */
       :: else ->
          used[n] = true;
          if
          :: intent && taken > 0 -> answer[n] = took /* it is paid already */
          :: intent && taken == 0 && open -> /* confirmed */
             if :: answer[n] = took; taken++; open = false; events ! 1 :: answer[n] = refused fi
          :: else -> /* created and confirmed */
             if
             :: answer[n] = took; taken++; events ! 1
             :: answer[n] = refused; open = true
             fi
          fi
       fi
    fi
  }
}

/* A worker runs tasks. */
proctype Worker() {
  byte mine, n;
  bool look;
  mtype got;

end:
  do
  :: tasks ? mine ->
     look = false;
     n = 0;
     /* the last check, under the plan's lock: what follows is decided and committed here */
     atomic {
       if
#ifdef NO_LEASE
       :: false -> skip
#else
       :: mine != lease -> goto done /* another claim has the charge */
#endif
       :: else
       fi;
       if
#ifdef NO_CHECK
       :: status == paid -> goto done
#else
       :: status == paid || status == canceled || status == declined -> goto done
#endif
       :: last > 0 && outcome[last] == unknown -> /* resumed */
          if
          :: sent[last] == mine -> goto done /* its call may be under way */
          :: else
          fi;
          n = last;
          sent[n] = mine;
#ifndef NO_LOOKUP
          look = old[n]
#endif
       :: else ->
          if
          :: stopping -> status = canceled; goto done
          :: last == ATTEMPTS -> status = declined; goto done
          :: else
          fi;
          last++;
          n = last;
          outcome[n] = unknown;
          sent[n] = mine;
          status = collecting
       fi
     };
     if
     :: fault() -> goto done /* it dies: only committed rows remain */
     :: true
     fi;
     if
     :: look ->
        /* Stripe is asked what it has of the attempt */
        atomic {
          if
#ifdef NO_WAIT
          :: true
#else
          :: coming[n] == 0 /* a request that may be on its way is waited for */
#endif
          fi;
          if
          :: used[n] -> got = answer[n]
          :: else -> got = failed /* it never arrived: another attempt is safe */
          fi
        }
     :: else ->
        /* sent, unless too much time passed since the check */
        atomic {
          if
#ifdef NO_HOLD
          :: true
#else
          :: mine == lease
          :: else -> goto done
#endif
          fi;
#ifdef NEW_KEY
          used[n] = false;
#endif
          coming[n]++;
          if
          :: stopped && (!used[n] || forgotten[n]) -> after++
          :: else /* a key that is used only replays its answer */
          fi
        };
        if
        :: carry_out(n); got = answer[n]
        :: fault() -> goto done /* the request arrives later, and the answer is lost */
        fi
     fi;
     if
     :: fault() -> goto done /* it dies after the call */
     :: true
     fi;
     /* the outcome, under the plan's lock */
     atomic {
       if
       :: outcome[n] != unknown -> skip /* recorded by another worker, or by an event */
       :: else ->
          outcome[n] = got;
          if :: got != failed -> intent = true :: else fi;
          if
          :: status == paid || status == canceled -> skip
          :: got == took -> status = paid; recorded++
          :: got != took && stopping -> status = canceled
          :: else -> status = due /* tried again later */
          fi
       fi
     };
done:
     skip
  od
}

/* The scheduler claims the charge when its lease has ended. A lease ends after the call of the
   worker that holds it is over, or was never begun. */
proctype Scheduler() {
end:
  do
  :: atomic {
       lease < LEASES && nfull(tasks) && (status == due || status == collecting) ->
       lease++;
       tasks ! lease
     };
     if
     :: atomic { faults < FAULTS && nfull(tasks) -> faults++; tasks ! lease } /* the task is doubled */
     :: true
     fi
  od
}

/* What is late, and what is forgotten. A key is forgotten an hour after it is not relied on any
   more, so the lease under which it was relied on has ended. */
proctype Time() {
  byte n;
end:
  do
  :: for (n : 1 .. ATTEMPTS) {
       if
       :: coming[n] > 0 -> carry_out(n)
       :: true
       fi
     }
  :: atomic { last > 0 && !old[last] && faults < FAULTS -> faults++; old[last] = true; since[last] = lease }
  :: atomic { last > 0 && old[last] && lease > since[last] && coming[last] == 0 && !forgotten[last] -> forgotten[last] = true }
  od
}

/* Stripe reports a payment, once at most. */
proctype Webhook() {
  byte e;
end:
  do
  :: events ? e ->
     if
     :: atomic { faults < FAULTS -> faults++; goto lost } /* never delivered */
     :: true
     fi;
     atomic {
       if
#ifdef NO_DEDUPE
       :: true -> status = paid; recorded++
#else
       :: status != paid -> status = paid; recorded++;
          if :: last > 0 && outcome[last] == unknown -> outcome[last] = took; intent = true :: else fi
       :: else
#endif
       fi
     };
lost:
     skip
  od
}

/* The customer pays on the recovery page, with the charge's own PaymentIntent. */
proctype Customer() {
end:
  if
  :: atomic { status == declined && intent && open && taken == 0 -> taken++; open = false; events ! 1 }
  fi
}

/* The operator cancels the charge once. */
proctype Operator() {
end:
  if
  :: atomic {
       status == due || status == declined ->
       if
       :: last > 0 && outcome[last] == unknown -> stopping = true
       :: else -> status = canceled; stopped = true
       fi
     }
  :: atomic { status == collecting -> stopping = true }
  :: true
  fi
}

init {
  byte i;
  atomic {
    for (i : 0 .. ATTEMPTS) { outcome[i] = none; answer[i] = none }
    run Worker(); run Worker(); run Scheduler(); run Time(); run Webhook(); run Customer(); run Operator()
  }
}

/* At most one payment takes money, it is recorded once, and nothing that Stripe would carry out is
   sent after a stop. */
ltl safe { [] (taken <= 1 && recorded <= 1 && after == 0) }
