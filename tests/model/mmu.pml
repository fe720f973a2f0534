/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protocol by which a frame changes its use (core/frame.h): claim, flush, validate, publish, and
 * release; under the domain's MMU lock, with walks that are interrupted and leave a half-done frame.
 * Names are those of the code; the comment before an inline names its function.
 *
 * One domain. vCPUs 0 and 1 make calls; CPU 2 is hostile: it walks tables, keeps what it found in
 * its TLB as long as nobody flushes it, stores through it, and changes its own mappings, between any
 * two steps of the others. The address space is a root entry that names an L1 table, whose entries
 * name pages. An L2 table names L1 tables, and is what walks are about.
 *
 *   frame 0  the L1 table in the root entry; its entry 0 maps frame 1 writable
 *   frame 1  that page; it may be pinned as an L1, and the L2 wants it as its second child
 *   frame 2  a page that nobody maps, whose contents make an L2 table of frames 3 and 1
 *   frame 3  likewise, an empty L1 table
 *
 * Left out: references (a type count comes with one), deeper trees (a walk's stack has one place),
 * other domains (tests/model/foreign.pml), tables that name their own level (same_level.pml). A vCPU whose walk is unfinished comes back in the end, as a call or as another call
 * that cancels it.
 *
 * The -D variants in tests/model/check.sh remove or reorder one step; each has to break a property.
 */
#define FRAMES 4
#define ENTRIES 2
#define VCPUS 2
#define NOBODY 255
#define NONE 255

#ifndef CALLS_0
#define CALLS_0 2 /* of vCPU 0 */
#endif
#ifndef CALLS_1
#define CALLS_1 1
#endif
#ifndef STOPS
#define STOPS 1 /* how often a vCPU's walks are interrupted: port_should_yield() */
#endif
#ifndef ACCESSES
#define ACCESSES 3 /* walks and stores of the hostile CPU */
#endif
#ifndef CHANGES
#define CHANGES 1 /* calls of the hostile CPU */
#endif

/* enum frame_type */
#define FRAME_NONE 0
#define FRAME_L1 1
#define FRAME_L2 2
#define FRAME_WRITABLE 6
#define IS_TABLE(t) ((t) == FRAME_L1 || (t) == FRAME_L2)

/* calls */
#define PIN 0
#define UNPIN 1
#define UPDATE 2
#define FLUSH 3

/* enum status */
#define STATUS_OK 0
#define STATUS_PREEMPTED 1
#define STATUS_AGAIN 2
#define STATUS_WRONG_TYPE 3

/* Entries: 0, or a frame and whether it is mapped writable. */
#define RO(f) (1 + (f))
#define RW(f) (1 + FRAMES + (f))
#define TARGET(e) (((e) - 1) % FRAMES)
#define IS_WRITABLE(e) ((e) > FRAMES)
#define AT(f, i) contents[(f) * ENTRIES + (i)]

/* struct frame */
byte type[FRAMES];
byte type_count[FRAMES];
bool validated[FRAMES];
bool half[FRAMES];
byte progress[FRAMES];
byte writable_stamp[FRAMES];
byte table_stamp[FRAMES];
bool pinned[FRAMES];
byte contents[FRAMES * ENTRIES];
/* What the properties need to know: the flush of the claim is behind; what was checked. */
bool settled[FRAMES];
byte checked[FRAMES * ENTRIES];

byte root_entry = 0; /* the frame that the upper entry names; NONE: not present */
byte mmu_lock = NOBODY;
byte flush_clock = 1;
byte cpu_flushed = 1; /* of the hostile CPU: the others have nothing to remember */

/* The hostile CPU's TLB: a paging-structure entry and a leaf. */
byte tlb_table = NONE;
byte tlb_leaf = 0;

/* struct pt_walk of each vCPU, its stack of one frame */
#define PT_WALK_NONE 0
#define PT_WALK_VALIDATE 1
#define PT_WALK_RELEASE 2
byte walk_mode[VCPUS];
byte walk_frame[VCPUS] = NONE;

#ifdef PROGRESS
bool waits[VCPUS];
byte last_holder = NOBODY;
#endif

byte running = VCPUS;

/*
 * What a vCPU does under the lock is one atomic sequence, with gaps: at each, the hostile CPU (and
 * without a lock the other vCPU) takes as many steps as it likes, and then closes the gap. They are
 * wherever something that others can see or change has been read or written.
 */
bool gap[VCPUS];
#define OTHERS                                                                                     \
    if                                                                                             \
    :: me < VCPUS -> gap[me] = true; !gap[me]                                                      \
    :: else                                                                                        \
    fi

/* ---- the lock: core/domain.h ---------------------------------------------------------------- */

inline domain_mmu_lock(me)
{
#ifdef NO_LOCK
    skip
#elif defined(PROGRESS)
    /* First come, first served (lib/ticket_lock.h): matters only where somebody could starve. */
    if
    :: me < VCPUS ->
        waits[me] = true;
        mmu_lock == NOBODY && !(last_holder == me && waits[1 - me]);
        waits[me] = false;
        last_holder = me
    :: else
    fi;
    mmu_lock = me
#else
    mmu_lock == NOBODY -> mmu_lock = me
#endif
}

/* Who lets go of it leaves every count right: core/audit.c. */
inline domain_mmu_unlock()
{
#ifndef NO_LOCK
    d_step { audit(); mmu_lock = NOBODY }
#else
    skip
#endif
}

inline count_entries(f)
{
    a_n = 0;
    a_g = 0;
    do
    :: a_g < FRAMES ->
        a_i = 0;
        do
        :: a_i < ENTRIES ->
            a_e = AT(a_g, a_i);
            if
            :: a_e != 0 && TARGET(a_e) == f && type[a_g] == FRAME_L1 && validated[a_g] &&
               IS_WRITABLE(a_e) -> a_n++
            :: a_e != 0 && TARGET(a_e) == f && type[a_g] == FRAME_L2 &&
               (validated[a_g] || (half[a_g] && a_i < progress[a_g])) -> a_n++
            :: else
            fi;
            a_i++
        :: else -> break
        od;
        a_g++
    :: else -> break
    od
}

inline audit()
{
    a_f = 0;
    do
    :: a_f < FRAMES ->
        count_entries(a_f);
        a_n = a_n + pinned[a_f] + (root_entry == a_f) + (walk_frame[0] == a_f) +
              (walk_frame[1] == a_f);
        assert(a_n == type_count[a_f]);
        /* A half-done frame is exactly one vCPU's. */
        assert(half[a_f] == ((walk_frame[0] == a_f) != (walk_frame[1] == a_f)));
        assert(!(walk_frame[0] == a_f && walk_frame[1] == a_f));
        assert(!(half[a_f] && validated[a_f]));
        assert(!(type_count[a_f] == 0 && (validated[a_f] || half[a_f] || pinned[a_f])));
        a_f++
    :: else -> break
    od;
    a_f = 0; a_g = 0; a_i = 0; a_e = 0; a_n = 0
}

/* ---- the flush clock: core/tlb.c ------------------------------------------------------------ */

/* port_flush_tlb() of the hostile CPU: tlb_flush_begin(), the flush, tlb_flush_end(). Other CPUs
 * run between the three. */
inline port_flush_tlb()
{
#ifndef TICK_AFTER_FLUSH
    atomic { flush_clock++; clock = flush_clock };
    OTHERS;
    atomic { tlb_table = NONE; tlb_leaf = 0 };
#else
    atomic { tlb_table = NONE; tlb_leaf = 0 };
    OTHERS;
    atomic { flush_clock++; clock = flush_clock };
#endif
    OTHERS;
    atomic { cpu_flushed = clock; clock = 0 };
    OTHERS
}

inline tlb_flush_stale(stamp)
{
    if
#ifndef STALE_OFF_BY_ONE
    :: cpu_flushed <= stamp -> port_flush_tlb()
#else
    :: cpu_flushed < stamp -> port_flush_tlb()
#endif
    :: else
    fi
}

inline last_use(f)
{
    stamp = (writable_stamp[f] > table_stamp[f] -> writable_stamp[f] : table_stamp[f])
}

/* ---- one frame: core/frame.c ---------------------------------------------------------------- */

/* frame_claim(): the claim, then the flush */
inline frame_claim(f, new_type)
{
    atomic {
        assert(type_count[f] == 0);
        changes = (type[f] != new_type);
        type[f] = new_type;
        type_count[f] = 1;
        progress[f] = 0;
        validated[f] = false;
        half[f] = false;
        last_use(f)
    };
    OTHERS;
#ifndef NO_CLAIM_FLUSH
    if
#ifdef VALIDATE_BEFORE_FLUSH
    :: changes && new_type == FRAME_WRITABLE -> tlb_flush_stale(stamp)
#elif defined(FLUSH_BEFORE_LOCK)
    :: changes && flush_clock == 0 -> skip /* made already */
#else
    :: changes -> tlb_flush_stale(stamp)
#endif
    :: else
    fi;
#endif
    atomic { settled[f] = true; changes = false; stamp = 0 }
}

/* frame_publish() */
inline frame_publish(f)
{
    atomic {
        assert(type_count[f] == 1);
        /* Every entry was checked, and is as it was then. */
        assert(type[f] != FRAME_L1 || (checked[(f) * 2] == AT(f, 0) && checked[(f) * 2 + 1] == AT(f, 1)));
        assert(type[f] != FRAME_L2 || progress[f] == ENTRIES);
        half[f] = false;
        validated[f] = true
    }
}

/* frame_release() */
inline frame_release(f)
{
    atomic {
        assert(type_count[f] == 1);
#ifndef RELEASE_LEAVES_VALIDATED
        validated[f] = false;
#endif
        half[f] = false;
        progress[f] = 0;
#ifndef NO_TABLE_STAMP
        table_stamp[f] = flush_clock;
#endif
        type_count[f] = 0;
        settled[f] = false;
        checked[(f) * 2] = 0;
        checked[(f) * 2 + 1] = 0
    }
}

/* frame_get_writable() */
inline frame_get_writable(f)
{
    if
    :: type_count[f] == 0 -> frame_claim(f, FRAME_WRITABLE); result = STATUS_OK
    :: type_count[f] > 0 && type[f] == FRAME_WRITABLE -> type_count[f]++; result = STATUS_OK
    :: else -> result = STATUS_WRONG_TYPE
    fi
}

/* frame_put_writable() */
inline frame_put_writable(f)
{
    atomic {
        assert(type[f] == FRAME_WRITABLE && type_count[f] > 0);
        type_count[f]--;
        if
        :: type_count[f] == 0 ->
            settled[f] = false;
#ifndef NO_WRITABLE_STAMP
            writable_stamp[f] = flush_clock
#endif
        :: else
        fi
    }
}

/* ---- L1 tables: core/pt_validate.c ---------------------------------------------------------- */

/* l1_release_entries() of the entries [0, n) */
inline l1_release_entries(f, n)
{
    i = 0;
    do
    :: i < n ->
        entry = AT(f, i);
        if
        :: entry != 0 && IS_WRITABLE(entry) -> frame_put_writable(TARGET(entry))
        :: else
        fi;
        i++
    :: else -> break
    od;
    atomic { i = 0; entry = 0 }
}

/* l1_validate(): the frame is claimed */
inline l1_validate(f)
{
    index = 0;
    result = STATUS_OK;
    do
    :: index < ENTRIES && result == STATUS_OK ->
        atomic { entry = AT(f, index); checked[(f) * 2 + index] = entry };
        OTHERS;
        if
        :: entry != 0 && IS_WRITABLE(entry) -> frame_get_writable(TARGET(entry))
        :: else
        fi;
        if
        :: result == STATUS_OK -> index++
        :: else
        fi
    :: else -> break
    od;
#ifdef VALIDATE_BEFORE_FLUSH
    last_use(f);
    tlb_flush_stale(stamp);
#endif
    if
    :: result == STATUS_OK -> frame_publish(f)
    :: else -> l1_release_entries(f, index); OTHERS; frame_release(f)
    fi;
    atomic { index = 0; entry = 0 }
}

/* ---- the walk over an L2: core/pt_validate.c ------------------------------------------------- */

/* validate_child(): the entry at `progress` wants its child as an L1 */
inline validate_child(child)
{
    if
    :: type[child] == FRAME_L1 && validated[child] ->
        type_count[child]++; result = STATUS_OK
    :: !(type[child] == FRAME_L1 && validated[child]) && type_count[child] > 0 ->
        result = STATUS_WRONG_TYPE
    :: else -> frame_claim(child, FRAME_L1); l1_validate(child)
    fi
}

/* release_child() */
inline release_child(child)
{
    assert(type[child] == FRAME_L1 && validated[child] && type_count[child] > 0);
    if
    :: type_count[child] > 1 -> type_count[child]--
    :: else -> l1_release_entries(child, ENTRIES); frame_release(child)
    fi
}

/* walk_should_stop() */
inline walk_should_stop()
{
    if
    :: stops > 0 -> stops--; stop = true
    :: stop = false
    fi
}

/* walk_cancel() */
inline walk_cancel(me)
{
    walk_mode[me] = PT_WALK_RELEASE;
#ifdef CANCEL_FORGETS_PROGRESS
    progress[walk_frame[me]] = 0;
#endif
}

/* walk_run(): until the walk is done (STATUS_OK), refuses or must stop */
inline walk_run(me)
{
    result = STATUS_OK;
    do
    :: walk_mode[me] == PT_WALK_VALIDATE && progress[walk_frame[me]] < ENTRIES -> /* validate_top() */
        wanted = AT(walk_frame[me], progress[walk_frame[me]]);
        result = STATUS_OK;
        if
        :: wanted == 0
        :: else -> validate_child(TARGET(wanted))
        fi;
        if
        :: result != STATUS_OK -> walk_cancel(me); break
        :: else ->
            progress[walk_frame[me]]++; /* count_entry() */
            OTHERS;
            walk_should_stop();
            if
            :: stop -> result = STATUS_PREEMPTED; break
            :: else
            fi
        fi
    :: walk_mode[me] == PT_WALK_VALIDATE && progress[walk_frame[me]] == ENTRIES ->
        frame_publish(walk_frame[me]);
        atomic { walk_mode[me] = PT_WALK_NONE; walk_frame[me] = NONE };
        break
    :: walk_mode[me] == PT_WALK_RELEASE && progress[walk_frame[me]] > 0 -> /* release_top() */
        wanted = AT(walk_frame[me], progress[walk_frame[me]] - 1);
        if
        :: wanted == 0
        :: else -> release_child(TARGET(wanted))
        fi;
        progress[walk_frame[me]]--;
        OTHERS;
        walk_should_stop();
        if
        :: stop -> result = STATUS_PREEMPTED; break
        :: else
        fi
    :: walk_mode[me] == PT_WALK_RELEASE && progress[walk_frame[me]] == 0 -> /* release_finished() */
        frame_release(walk_frame[me]);
        atomic { walk_mode[me] = PT_WALK_NONE; walk_frame[me] = NONE };
        break
    :: walk_mode[me] == PT_WALK_NONE -> break
    od;
    atomic { wanted = 0; stop = false }
}

/* walk_begin() */
inline walk_begin(me, mode, f, from)
{
    atomic {
        assert(walk_mode[me] == PT_WALK_NONE);
        walk_mode[me] = mode;
        walk_frame[me] = f;
        half[f] = true; /* frame_set_half() */
        validated[f] = false;
        progress[f] = from
    }
}

/* pt_make_room(): PREEMPTED if something had to be released */
inline pt_make_room(me)
{
    if
    :: walk_mode[me] == PT_WALK_NONE -> result = STATUS_OK
    :: else ->
        if
        :: walk_mode[me] == PT_WALK_VALIDATE -> walk_cancel(me)
        :: else
        fi;
        walk_run(me);
        result = STATUS_PREEMPTED
    fi
}

/* pt_take() */
inline pt_take(me, f, wanted_level)
{
    if
    :: type[f] == wanted_level && validated[f] -> type_count[f]++; result = STATUS_OK
    :: else ->
        result = STATUS_OK;
        if
        :: walk_mode[me] == PT_WALK_NONE ||
           (walk_mode[me] == PT_WALK_VALIDATE && walk_frame[me] == f && type[f] == wanted_level)
        :: else -> pt_make_room(me)
        fi;
        if
        :: result == STATUS_OK && type_count[f] > 0 && walk_frame[me] != f ->
#ifndef IGNORE_HALF
            result = (half[f] -> STATUS_AGAIN : STATUS_WRONG_TYPE)
#else
            if
            :: half[f] && type[f] == wanted_level ->
                walk_mode[me] = PT_WALK_VALIDATE;
                walk_frame[me] = f
            :: else -> result = STATUS_WRONG_TYPE
            fi
#endif
        :: result == STATUS_OK && type_count[f] == 0 -> /* take_first() */
            OTHERS;
            frame_claim(f, wanted_level);
            if
            :: wanted_level == FRAME_L1 -> l1_validate(f)
            :: else -> walk_begin(me, PT_WALK_VALIDATE, f, 0)
            fi
        :: else
        fi;
        if
        :: result == STATUS_OK && walk_mode[me] == PT_WALK_VALIDATE -> walk_run(me)
        :: else
        fi
    fi
}

/* pt_drop(): the walk is free */
inline pt_drop(me, f)
{
    assert(validated[f] && IS_TABLE(type[f]) && type_count[f] > 0);
    if
    :: type_count[f] > 1 -> type_count[f]--
    :: type_count[f] == 1 && type[f] == FRAME_L1 -> l1_release_entries(f, ENTRIES); frame_release(f)
    :: else -> walk_begin(me, PT_WALK_RELEASE, f, ENTRIES)
    fi
}

/* ---- calls: core/mmuext.c, core/mmu_update.c, core/batch.c ----------------------------------- */

/* pin(), with what pt_take() gave */
inline pin(me, f)
{
    if
    :: pinned[f] -> type_count[f]-- /* pt_drop(): the pin holds another */
    :: else -> pinned[f] = true
    fi
}

/* unpin_table() */
inline unpin_table(me, f)
{
    if
    :: !pinned[f] -> result = STATUS_WRONG_TYPE
    :: else ->
        pt_make_room(me);
        if
        :: result == STATUS_OK && pinned[f] -> pinned[f] = false; pt_drop(me, f)
        :: else
        fi
    fi
}

/* pte_update_table() of the root entry, with what pt_take() gave; and the flush that is owed:
 * context_close() */
inline update_table(me, f)
{
    old = root_entry;
    root_entry = f;
    OTHERS;
    if
    :: old != NONE -> pt_drop(me, old); OTHERS
    :: else
    fi;
    old = 0;
    /* Another element of the batch may come before the flush: an entry of frame 3 that maps the
     * old table writable. */
    if
    :: type[3] == FRAME_L1 && validated[3] && type_count[0] == 0 && AT(3, 1) == 0 ->
        frame_get_writable(0);
        atomic { AT(3, 1) = RW(0); checked[7] = RW(0) };
        OTHERS
    :: true
    fi;
#ifndef NO_OWED_FLUSH
    port_flush_tlb()
#endif
}

/* pt_finish_release(), and batch_run()'s way to go on after a stop */
inline finish(me)
{
    if
    :: walk_mode[me] == PT_WALK_RELEASE ->
        kept = result;
        do
        :: walk_mode[me] == PT_WALK_RELEASE ->
            walk_run(me);
            domain_mmu_unlock(); /* context_breathe() */
            domain_mmu_lock(me)
        :: else -> break
        od;
        result = kept
    :: else
    fi
}

/* A vCPU: a call is executed until it has an answer, or given up for another call. */
proctype cpu(byte me; byte calls)
{
    byte stops = STOPS, what, frame, level, result, clock, stamp, i, index, entry, wanted, old, kept;
    bool changes, stop;
    byte a_f, a_g, a_i, a_e, a_n;

    do
    :: calls > 0 ->
        atomic {
            calls--;
            if
            :: what = PIN; frame = 2; level = FRAME_L2
            :: what = PIN; frame = 1; level = FRAME_L1
            :: what = UNPIN; frame = 2
            :: what = UNPIN; frame = 1
            :: what = UPDATE; frame = 3; level = FRAME_L1
            :: what = UPDATE; frame = NONE
            :: me == 1 -> what = FLUSH
            fi
        };
        if
        :: what == FLUSH -> port_flush_tlb() /* update_va_mapping: after the lock is let go */
#ifdef FLUSH_BEFORE_LOCK
        :: what == PIN -> port_flush_tlb()
#endif
        :: else
        fi;
        do
        :: what == FLUSH -> break
        :: what != FLUSH ->
            atomic {
            domain_mmu_lock(me);
            /* pt_begin_call() and the element */
            if
            :: what == UPDATE && frame == root_entry -> result = STATUS_OK
            :: what == PIN || (what == UPDATE && frame != root_entry) ->
                /* Both begin with it: an update may have something to drop. */
                result = STATUS_OK;
                if
                :: what == UPDATE && root_entry != NONE -> pt_make_room(me)
                :: else
                fi;
                if
                :: result == STATUS_OK && frame != NONE -> pt_take(me, frame, level)
                :: else
                fi;
                if
                :: result == STATUS_OK && what == PIN -> pin(me, frame)
                :: result == STATUS_OK && what == UPDATE -> update_table(me, frame)
                :: else
                fi
            :: what == UNPIN -> unpin_table(me, frame)
            fi;
            finish(me);
            domain_mmu_unlock()
            };
            if
            :: result == STATUS_PREEMPTED || result == STATUS_AGAIN -> skip /* executed again */
            :: calls > 0 && (result == STATUS_PREEMPTED || result == STATUS_AGAIN) ->
                break /* the guest makes another call instead */
            :: result != STATUS_PREEMPTED && result != STATUS_AGAIN -> break
            fi
        od
    :: calls == 0 -> break
    od;
    /* What is left unfinished is cancelled by the next call. */
    atomic {
        domain_mmu_lock(me);
        stops = 0;
#ifndef HALF_FRAME_LEFT
        pt_make_room(me);
#endif
        domain_mmu_unlock();
        running--
    }
}

/* pte_update_leaf(): take, store, drop */
inline update_va_mapping()
{
    old = AT(root_entry, 0);
    result = STATUS_OK;
    if
    :: entry = 0
    :: entry = RW(1)
    :: entry = RW(2)
    fi;
    if
    :: entry != 0 && old != entry -> frame_get_writable(TARGET(entry))
    :: else
    fi;
#ifdef STORE_BEFORE_TAKE
    result = STATUS_OK;
#endif
    if
    :: result == STATUS_OK && old != entry ->
        AT(root_entry, 0) = entry;
        checked[root_entry * 2] = entry;
        if
        :: old != 0 && IS_WRITABLE(old) -> frame_put_writable(TARGET(old))
        :: else
        fi
    :: else
    fi;
    old = 0;
    entry = 0;
    result = 0
}

/* The hostile CPU: its walks, its stores through what it remembers, its own calls. */
proctype guest()
{
    byte accesses = ACCESSES, left = CHANGES, me = VCPUS, clock, stamp, result, old, entry;
    bool changes;
    byte a_f, a_g, a_i, a_e, a_n;

end:
    do
    :: atomic { gap[0] -> gap[0] = false }
    :: atomic { gap[1] -> gap[1] = false }
    :: atomic {
        accesses > 0 && root_entry != NONE && tlb_table == NONE -> /* the upper entry is read */
        tlb_table = root_entry;
        accesses--
       }
    :: atomic {
        accesses > 0 && tlb_table != NONE && tlb_leaf == 0 && AT(tlb_table, 0) != 0 ->
        /* A leaf is read. What a CPU takes for a table is one; in the middle of a call, it may have
         * been one. */
        assert(!(type_count[tlb_table] > 0 && type[tlb_table] != FRAME_L1 && settled[tlb_table]));
        assert(mmu_lock != NOBODY || validated[tlb_table]);
        tlb_leaf = AT(tlb_table, 0);
        accesses--
       }
    :: atomic {
        accesses > 0 && IS_WRITABLE(tlb_leaf) -> /* a store */
        /* None reaches a table once the flush of its claim is behind. */
        assert(!(IS_TABLE(type[TARGET(tlb_leaf)]) && type_count[TARGET(tlb_leaf)] > 0 &&
                 settled[TARGET(tlb_leaf)]));
        if
        :: AT(TARGET(tlb_leaf), 0) = RW(0)
        :: AT(TARGET(tlb_leaf), 0) = RW(1)
        :: AT(TARGET(tlb_leaf), 0) = 0
        fi;
        accesses--
       }
    :: atomic {
        left > 0 && root_entry != NONE && mmu_lock == NOBODY ->
        /* update_va_mapping without a flush: entry 0 of the table in the root entry */
        left--;
        domain_mmu_lock(me);
        update_va_mapping();
        domain_mmu_unlock()
       }
    od
}

init {
    atomic {
        type[0] = FRAME_L1; type_count[0] = 1; validated[0] = true; settled[0] = true;
        type[1] = FRAME_WRITABLE; type_count[1] = 1; settled[1] = true;
        AT(0, 0) = RW(1); checked[0] = RW(1);
        AT(2, 0) = RO(3);
        AT(2, 1) = RO(1);
        run cpu(0, CALLS_0);
        run cpu(1, CALLS_1);
        run guest()
    }
}

/* Every call gets its answer. */
#ifdef PROGRESS
ltl all_calls_end { <> (running == 0) }
#endif
