/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables that name tables of their own level (pv-linear-pt=, core/pte_decide.h): a frame has such
 * entries or is named by some, never both, so that a walk meets at most one such step; with two
 * vCPUs whose walks are interrupted. Names are those of the code; the comment before an inline
 * names its function.
 *
 * Each of the frames may be an L2 or, as the child of one, an L1. What an entry of an L2 is depends
 * on what the frame that it names is at that moment. Contents are whatever the guest has written;
 * as an L1 they name pages read-only, which holds no type count and is left out.
 *
 * All of it happens under the MMU lock of the one domain (tests/model/mmu.pml shows what that is
 * for): between two gaps a vCPU is alone.
 */
#define FRAMES 3
#define ENTRIES 1
#define VCPUS 2
#define NONE 255

#ifndef CALLS_0
#define CALLS_0 3 /* of vCPU 0 */
#endif
#ifndef CALLS_1
#define CALLS_1 1 /* without updates */
#endif
#ifndef STOPS
#define STOPS 1 /* how often a vCPU's walks are interrupted: port_should_yield() */
#endif

/* enum frame_type */
#define FRAME_NONE 0
#define FRAME_L1 1
#define FRAME_L2 2

/* calls */
#define PIN 0
#define UNPIN 1
#define UPDATE 2

/* enum status */
#define STATUS_OK 0
#define STATUS_PREEMPTED 1
#define STATUS_AGAIN 2
#define STATUS_WRONG_TYPE 3
#define STATUS_SAME_LEVEL_CHAIN 4

/* enum pte_hold */
#define PTE_HOLD_NOTHING 0
#define PTE_HOLD_TABLE 1
#define PTE_HOLD_SAME_LEVEL 2

/* struct frame. Entries: 0, or one more than the frame. */
byte type[FRAMES];
byte type_count[FRAMES];
bool validated[FRAMES];
bool half[FRAMES];
byte progress[FRAMES];
short same_level[FRAMES];
bool pinned[FRAMES];
byte contents[FRAMES * ENTRIES];
#define AT(f, i) contents[(f) * ENTRIES + (i)]
#define TARGET(e) ((e) - 1)

/* struct pt_walk of each vCPU: its stack has two places for L2 tables */
#define PT_WALK_NONE 0
#define PT_WALK_VALIDATE 1
#define PT_WALK_RELEASE 2
#define DEPTH 2
byte walk_mode[VCPUS];
byte walk_depth[VCPUS];
byte walk_stack[VCPUS * DEPTH];
#define TOP(v) walk_stack[(v) * DEPTH + walk_depth[v] - 1]
/* A place of the stack that is free has no value, for fewer states. */
#define TOP_FREED(v) walk_stack[(v) * DEPTH + walk_depth[v]] = NONE

/* ---- what has to be true whenever nobody is at work: core/audit.c ---------------------------- */

/* Does entry `i` of the table `g` count? */
#define COUNTS(g, i) (type[g] == FRAME_L2 && AT(g, i) != 0 &&                                      \
                      (validated[g] || (half[g] && (i) < progress[g])))

inline audit_frame(f)
{
    a_n = pinned[f] + (walk_depth[0] > 0 && walk_stack[0] == f) +
          (walk_depth[1] > 0 && walk_stack[DEPTH] == f);
    a_has = 0;
    a_named = 0;
    a_g = 0;
    do
    :: a_g < FRAMES ->
        a_i = 0;
        do
        :: a_i < ENTRIES ->
            if
            :: COUNTS(a_g, a_i) && a_g != f && TARGET(AT(a_g, a_i)) == f ->
                a_n++;
                a_named = a_named + (type[f] == FRAME_L2)
            :: COUNTS(a_g, a_i) && a_g == f && TARGET(AT(a_g, a_i)) != f ->
                a_has = a_has + (type[TARGET(AT(a_g, a_i))] == FRAME_L2)
            :: else
            fi;
            a_i++
        :: else -> break
        od;
        a_g++
    :: else -> break
    od;
    assert(type_count[f] == a_n);
    assert(same_level[f] == a_has - a_named);
    assert(a_has == 0 || a_named == 0); /* no chains */
    assert(!(half[f] && validated[f]) && (a_n > 0 || (!half[f] && !validated[f])));
    a_n = 0; a_has = 0; a_named = 0; a_g = 0; a_i = 0
}

inline audit()
{
    audit_frame(0);
    audit_frame(1);
    audit_frame(2)
}

/* ---- what an entry is: core/pte_decide.h ----------------------------------------------------- */

/* pte_names_same_level() in a table of level 2 */
#define NAMES_SAME_LEVEL(f) (type[f] == FRAME_L2 && type_count[f] > 0)

/* pte_hold() of a stored entry, `drop` */
inline pte_hold(table, pte)
{
    drop = PTE_HOLD_NOTHING;
    if
    :: pte == 0
    :: pte != 0 && NAMES_SAME_LEVEL(TARGET(pte)) ->
#ifndef OWN_ENTRY_COUNTS
        drop = (TARGET(pte) == table -> PTE_HOLD_NOTHING : PTE_HOLD_SAME_LEVEL)
#else
        drop = PTE_HOLD_SAME_LEVEL
#endif
    :: pte != 0 && !NAMES_SAME_LEVEL(TARGET(pte)) -> drop = PTE_HOLD_TABLE
    fi
}

/* pte_decide_table() of a new entry: `take` */
inline pte_decide_table(table, pte)
{
    take = PTE_HOLD_TABLE;
    if
    :: pte == 0 -> take = PTE_HOLD_NOTHING
#ifndef HALF_DONE_IS_NAMED
    :: pte != 0 && NAMES_SAME_LEVEL(TARGET(pte)) &&
       (!half[TARGET(pte)] || TARGET(pte) == table) ->
#else
    :: pte != 0 && NAMES_SAME_LEVEL(TARGET(pte)) ->
#endif
#ifndef OWN_ENTRY_COUNTS
        take = (TARGET(pte) == table -> PTE_HOLD_NOTHING : PTE_HOLD_SAME_LEVEL)
#else
        take = PTE_HOLD_SAME_LEVEL
#endif
    :: else
    fi
}

/* ---- tables of the same level: core/pt_validate.c -------------------------------------------- */

/* pt_take_same_level() */
inline pt_take_same_level(table, named)
{
    if
#ifndef NAMED_TABLE_MAY_NAME
    :: same_level[table] < 0 -> result = STATUS_SAME_LEVEL_CHAIN
#endif
#ifndef NAMING_TABLE_MAY_BE_NAMED
    :: same_level[named] > 0 -> result = STATUS_SAME_LEVEL_CHAIN
#endif
    :: else ->
        type_count[named]++;
        same_level[table]++;
        same_level[named]--;
        result = STATUS_OK
    fi
}

/* pt_unlink_same_level() */
inline pt_unlink_same_level(table, named)
{
    assert(same_level[table] > 0 && same_level[named] < 0);
    same_level[table]--;
    same_level[named]++
}

/* unlink_child() */
inline unlink_child(table, child)
{
#ifndef RELEASE_FORGETS_SAME_LEVEL
    if
    :: type[child] == type[table] -> pt_unlink_same_level(table, child)
    :: else
    fi
#else
    skip
#endif
}

/* ---- the walk: core/pt_validate.c ------------------------------------------------------------ */

/* frame_claim() and frame_release(), without the flush */
inline frame_claim(f, new_type)
{
    assert(type_count[f] == 0 && same_level[f] == 0);
    type[f] = new_type;
    type_count[f] = 1;
    progress[f] = 0
}
inline frame_release(f)
{
    assert(type_count[f] == 1);
    validated[f] = false;
    half[f] = false;
    progress[f] = 0;
    type_count[f] = 0
}

/* walk_push() */
inline walk_push(v, f, from)
{
    assert(walk_depth[v] < DEPTH);
    half[f] = true;
    validated[f] = false;
    progress[f] = from;
    walk_depth[v]++;
    TOP(v) = f
}

/* walk_begin() */
inline walk_begin(v, mode, f, from)
{
    assert(walk_mode[v] == PT_WALK_NONE);
    walk_mode[v] = mode;
    walk_push(v, f, from)
}

/* validate_child(): the entry wants its child as an L1 */
inline validate_child(child)
{
    if
    :: type[child] == FRAME_L1 && validated[child] -> type_count[child]++
    :: !(type[child] == FRAME_L1 && validated[child]) && type_count[child] > 0 ->
        result = STATUS_WRONG_TYPE
    :: else -> frame_claim(child, FRAME_L1); validated[child] = true
    fi
}

/* validate_top(), one entry or the end */
inline validate_top(v)
{
    f = TOP(v);
    result = STATUS_OK;
    if
    :: progress[f] < ENTRIES ->
        entry = AT(f, progress[f]);
        pte_decide_table(f, entry);
        if
        :: take == PTE_HOLD_SAME_LEVEL -> pt_take_same_level(f, TARGET(entry))
        :: take == PTE_HOLD_TABLE -> validate_child(TARGET(entry))
        :: else
        fi;
        if
        :: result == STATUS_OK -> progress[f]++; walk_should_stop()
        :: else -> walk_mode[v] = PT_WALK_RELEASE /* walk_cancel() */
        fi
    :: else ->
        half[f] = false; validated[f] = true; progress[f] = 0; /* frame_publish() */
        walk_depth[v]--;
        TOP_FREED(v)
    fi
}

/* release_top(), one entry or the end; with release_child() */
inline release_top(v)
{
    f = TOP(v);
    result = STATUS_OK;
    if
    :: progress[f] > 0 ->
        entry = AT(f, progress[f] - 1);
        pte_hold(f, entry);
        if
        :: drop == PTE_HOLD_NOTHING -> progress[f]--; walk_should_stop()
        :: drop != PTE_HOLD_NOTHING && type_count[TARGET(entry)] == 1 &&
           type[TARGET(entry)] == FRAME_L2 ->
            assert(validated[TARGET(entry)]);
            walk_push(v, TARGET(entry), ENTRIES)
        :: else ->
            assert(validated[TARGET(entry)]);
            unlink_child(f, TARGET(entry));
            if
            :: type_count[TARGET(entry)] > 1 -> type_count[TARGET(entry)]--
            :: else -> frame_release(TARGET(entry))
            fi;
            progress[f]--;
            walk_should_stop()
        fi
    :: else -> /* release_finished() */
        walk_depth[v]--;
        TOP_FREED(v);
        frame_release(f);
        if
        :: walk_depth[v] > 0 -> unlink_child(TOP(v), f); progress[TOP(v)]--
        :: else
        fi
    fi
}

/* walk_should_stop() */
inline walk_should_stop()
{
    if
    :: stops > 0 -> stops--; result = STATUS_PREEMPTED
    :: skip
    fi
}

/* walk_run() */
inline walk_run(v)
{
    result = STATUS_OK;
    do
    :: result == STATUS_OK && walk_depth[v] > 0 && walk_mode[v] == PT_WALK_VALIDATE ->
        validate_top(v)
    :: result == STATUS_OK && walk_depth[v] > 0 && walk_mode[v] == PT_WALK_RELEASE ->
        release_top(v)
    :: result == STATUS_OK && walk_depth[v] == 0 -> walk_mode[v] = PT_WALK_NONE; break
    :: result != STATUS_OK -> break
    od
}

/* walk_is_validation_of() */
#define IS_VALIDATION_OF(f) (walk_mode[me] == PT_WALK_VALIDATE && walk_stack[me * DEPTH] == (f))

/* pt_make_room(); the walk may stay if it is the validation of `wanted` */
inline pt_make_room(wanted)
{
    result = STATUS_OK;
    if
    :: walk_mode[me] == PT_WALK_NONE || IS_VALIDATION_OF(wanted)
    :: else ->
        walk_mode[me] = PT_WALK_RELEASE;
        walk_run(me);
        result = STATUS_PREEMPTED
    fi
}

/* pt_take() */
inline pt_take(root, level)
{
    if
    :: type[root] == level && validated[root] -> type_count[root]++; result = STATUS_OK
    :: !(type[root] == level && validated[root]) && IS_VALIDATION_OF(root) &&
       type[root] == level -> walk_run(me)
    :: else ->
        pt_make_room(NONE);
        if
        :: result == STATUS_OK && type_count[root] > 0 ->
            result = (half[root] -> STATUS_AGAIN : STATUS_WRONG_TYPE)
        :: result == STATUS_OK && type_count[root] == 0 -> /* take_first() */
            frame_claim(root, level);
            if
            :: level == FRAME_L1 -> validated[root] = true
            :: else -> walk_begin(me, PT_WALK_VALIDATE, root, 0); walk_run(me)
            fi
        :: else
        fi
    fi
}

/* pt_drop() */
inline pt_drop(root)
{
    assert(validated[root] && type_count[root] > 0);
    if
    :: type_count[root] > 1 -> type_count[root]--
    :: type_count[root] == 1 && type[root] == FRAME_L1 -> frame_release(root)
    :: else -> walk_begin(me, PT_WALK_RELEASE, root, ENTRIES)
    fi
}

/* ---- calls: core/mmuext.c, core/mmu_update.c, core/pte_update.c ------------------------------ */

/* pin_table(), as an L2 */
inline pin_table()
{
    pt_take(frame, FRAME_L2);
    if
    :: result == STATUS_OK && pinned[frame] -> type_count[frame]--
    :: result == STATUS_OK && !pinned[frame] -> pinned[frame] = true
    :: else
    fi
}

/* unpin_table() */
inline unpin_table()
{
    if
    :: !pinned[frame] -> result = STATUS_WRONG_TYPE
    :: else ->
        pt_make_room(NONE);
        if
        :: result == STATUS_OK -> pinned[frame] = false; pt_drop(frame)
        :: else
        fi
    fi
}

/* pte_update_table(), take_entry() */
inline pte_update_table()
{
    old = AT(frame, 0);
    result = STATUS_OK;
    pte_hold(frame, old);
    pte_decide_table(frame, new_entry);
    if
    :: old == new_entry -> take = PTE_HOLD_NOTHING; drop = PTE_HOLD_NOTHING
    :: else
    fi;
    if
    :: drop != PTE_HOLD_NOTHING && new_entry != 0 -> pt_make_room(TARGET(new_entry))
    :: drop != PTE_HOLD_NOTHING && new_entry == 0 -> pt_make_room(NONE)
    :: else
    fi;
    if
    :: result == STATUS_OK && take == PTE_HOLD_TABLE -> pt_take(TARGET(new_entry), FRAME_L1)
    :: result == STATUS_OK && take == PTE_HOLD_SAME_LEVEL ->
        pt_take_same_level(frame, TARGET(new_entry))
    :: else
    fi;
    if
    :: result == STATUS_OK ->
        AT(frame, 0) = new_entry;
        if
        :: drop == PTE_HOLD_SAME_LEVEL -> pt_unlink_same_level(frame, TARGET(old))
        :: else
        fi;
        if
        :: drop != PTE_HOLD_NOTHING -> pt_drop(TARGET(old))
        :: else
        fi
    :: else
    fi;
    old = 0
}

/* update_entry(), with pt_settle_frame() and store_untyped(). Of an L1, entries are of no interest.
 */
inline update_entry()
{
    result = STATUS_OK;
    if
    :: half[frame] ->
        pt_make_room(NONE);
        if
        :: result == STATUS_OK -> result = STATUS_AGAIN
        :: else
        fi
    :: !half[frame] && validated[frame] && type[frame] == FRAME_L2 -> pte_update_table()
    :: else -> AT(frame, 0) = new_entry
    fi
}

/* A vCPU: a call is executed until it has an answer, or given up for another call. */
proctype cpu(byte me; byte calls)
{
    byte stops = STOPS, what, frame, new_entry, result;
    byte f, entry, old, take, drop;
    byte a_n, a_has, a_named, a_g, a_i;

    do
    :: calls > 0 ->
        atomic {
            calls--;
            if
            :: frame = 0
            :: frame = 1
            :: frame = 2
            fi;
            if
            :: what = PIN
            :: what = UNPIN
            :: me == 0 -> what = UPDATE;
                if
                :: new_entry = 0
                :: new_entry = 1
                :: new_entry = 2
                :: new_entry = 3
                fi
            fi
        };
        do
        :: true ->
            atomic {
                if /* pt_begin_call() */
                :: walk_mode[me] == PT_WALK_RELEASE -> walk_run(me); result = STATUS_PREEMPTED
                :: walk_mode[me] != PT_WALK_RELEASE && what == PIN -> pin_table()
                :: walk_mode[me] != PT_WALK_RELEASE && what == UNPIN -> unpin_table()
                :: walk_mode[me] != PT_WALK_RELEASE && what == UPDATE -> update_entry()
                fi;
                d_step { f = 0; entry = 0; take = 0; drop = 0; audit() };
                if
                :: result == STATUS_PREEMPTED || result == STATUS_AGAIN /* executed again */
                :: else -> break
                fi
            };
            if
            :: skip
            :: calls > 0 -> break /* the guest makes another call instead */
            fi
        od;
        atomic { what = 0; frame = 0; new_entry = 0; result = 0 }
    :: calls == 0 -> break
    od;
    /* What is left unfinished is cancelled by the next call. */
    do
    :: atomic {
        walk_mode[me] != PT_WALK_NONE ->
        pt_make_room(NONE);
        d_step { f = 0; entry = 0; take = 0; drop = 0; result = 0; audit() }
       }
    :: walk_mode[me] == PT_WALK_NONE -> break
    od
}

/* What the guest wrote before: any, but frames are alike, so one of each kind will do. */
#define CONTENTS(a, b, c) contents[0] = a; contents[1] = b; contents[2] = c

init {
    atomic {
        walk_stack[0] = NONE; walk_stack[1] = NONE; walk_stack[2] = NONE; walk_stack[3] = NONE;
        if
        :: CONTENTS(0, 0, 0)
        :: CONTENTS(0, 0, 1)
        :: CONTENTS(0, 0, 3)
        :: CONTENTS(0, 1, 1)
        :: CONTENTS(0, 1, 2)
        :: CONTENTS(0, 1, 3)
        :: CONTENTS(0, 2, 2)
        :: CONTENTS(0, 2, 3)
        :: CONTENTS(0, 3, 2)
        :: CONTENTS(1, 1, 1)
        :: CONTENTS(1, 1, 2)
        :: CONTENTS(1, 1, 3)
        :: CONTENTS(1, 2, 3)
        :: CONTENTS(1, 3, 2)
        :: CONTENTS(2, 1, 1)
        :: CONTENTS(2, 3, 1)
        fi;
        run cpu(0, CALLS_0);
        run cpu(1, CALLS_1)
    }
}
