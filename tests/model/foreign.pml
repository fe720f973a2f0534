/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two domains that hold each other's frames: the locks of both (domain_mmu_lock_two()), leaves that
 * name a foreign frame and the flush before they are dropped (core/context.h), grants
 * (core/grant_map.c, core/grant_unmap.c), and half-done frames that another domain's CPU cancels
 * (context_settle_owner(), core/teardown.c). Names are those of the code; the comment before an
 * inline names its function. What one domain's calls do to its own frames is tests/model/mmu.pml's.
 *
 * Domain 0 may act on domain 1. vCPUs 0 and 2 are its own, vCPU 1 is domain 1's; each has a CPU, so
 * any step of one may come between two of another. Two more CPUs are hostile, one of each domain:
 * they keep the leaf they have found until they are flushed, and use it.
 *
 *   PAGE_0   domain 0's; it is granted to domain 1
 *   PAGE_1   domain 1's; domain 0 maps it by its right over domain 1
 *   TABLE_1  an L1 table of domain 1, with one entry
 *   TABLE_2  an L2 table of domain 1: both of its entries name TABLE_1. A root entry may name it.
 *
 * Domain 0's own L1 table has one entry too, and stays what it is.
 *
 * A vCPU may stop for good wherever it is back in its guest, with its call unfinished. Nobody waits
 * for it.
 *
 * Left out: what is left of a freed frame (its stamps; tests/model/mmu.pml), device uses of grants
 * (no TLB has them), more than one handle, copies and transfers.
 */
#define FRAMES 4
#define PAGE_0 0
#define PAGE_1 1
#define TABLE_1 2
#define TABLE_2 3
#define OWNER(f) ((f) == PAGE_0 -> 0 : 1)
#define ENTRIES 2 /* of TABLE_2 */
#define VCPUS 3
#define DOMAIN(v) ((v) == 1 -> 1 : 0)
#define NOBODY 255

/* CALLS_n: of vCPU n. With TABLES they are those on domain 1's tables, else those on leaves; with
 * PROGRESS there are no hostile CPUs. */
#ifndef CALLS_0
#define CALLS_0 2
#endif
#ifndef CALLS_1
#define CALLS_1 2
#endif
#ifndef CALLS_2
#define CALLS_2 0
#endif
#ifndef STOPS
#define STOPS 1 /* how often a vCPU's walks are interrupted: port_should_yield() */
#endif

/* calls */
#define MAP_FOREIGN 0   /* mmu_update of domain 0's entry, with a frame of domain 1 */
#define UNMAP_FOREIGN 1 /* mmu_update of one's own entry, which is cleared */
#define GRANT_MAP 2
#define GRANT_UNMAP 3
#define PIN 4
#define UNPIN 5
#define UPDATE 6 /* mmu_update of domain 1's root entry */
#define TEAR_DOWN 7
#define OF_TABLES(what) ((what) >= PIN -> 1 : DOMAIN(me)) /* pt_owner */

/* enum status */
#define STATUS_OK 0
#define STATUS_PREEMPTED 1
#define STATUS_AGAIN 2
#define STATUS_REFUSED 3 /* any other */

/* Entries and what is held for them: 0, or a frame and whether it is writable. */
#define RO(f) (1 + (f))
#define RW(f) (1 + FRAMES + (f))
#define TARGET(e) (((e) - 1) % FRAMES)
#define IS_WRITABLE(e) ((e) > FRAMES)
#define HOLDS(e, f) ((e) != 0 && TARGET(e) == (f))
#define HOLDS_WRITABLE(e, f) ((e) == RW(f))

/* struct frame. A page is used as FRAME_WRITABLE or as nothing, a table as one or as nothing. */
byte ref_count[FRAMES];
byte type_count[FRAMES];
bool validated[FRAMES];
bool half[FRAMES];
bool allocated[FRAMES];
bool pinned; /* TABLE_2 */
byte progress;

bool root_entry; /* it names TABLE_2 */
byte entry[2];   /* of domain 0's L1 table, and of TABLE_1 */
bool is_dying;   /* domain 1 */

byte mmu_lock[2] = NOBODY;

/* The hostile CPUs' TLBs: leaves, and of domain 1's CPU a paging-structure entry for TABLE_1. */
byte tlb_leaf[2];
bool tlb_table;

/* struct vcpu: foreign_drops */
#define FOREIGN_DROP_LIMIT 2
byte foreign_drops[VCPUS * FOREIGN_DROP_LIMIT];
byte foreign_drop_count[VCPUS];
byte drop[VCPUS]; /* the one that context_drop_foreign() has in hand */

/* struct pt_walk: its stack is TABLE_2 */
#define PT_WALK_NONE 0
#define PT_WALK_VALIDATE 1
#define PT_WALK_RELEASE 2
byte walk_mode[VCPUS];

byte vcpu_1_user = NOBODY; /* who touches the two of vCPU 1: take_vcpu_1() */

/* The grant of PAGE_0: its pins, the marks in the granter's entry; domain 1's only handle, and what
 * its unmapping has not finished (struct grant_ended). Uses are written as the entry they make. */
byte pins;
bool marked;
byte handle;
bool handle_taken;
byte ended;

bool never_runs[VCPUS];

/* ---- the locks: core/domain.h, core/domain.c ------------------------------------------------- */

inline domain_mmu_lock(d)
{
    atomic { mmu_lock[d] == NOBODY -> mmu_lock[d] = me }
}

inline domain_mmu_lock_two(domain, second)
{
#ifndef LOCK_IN_ORDER_OF_ROLES
    domain_mmu_lock(0);
    domain_mmu_lock(1)
#else
    domain_mmu_lock(domain);
    domain_mmu_lock(second)
#endif
}

/* Who lets go of it leaves every count of the domain's frames right: core/audit.c. */
inline domain_mmu_unlock(d)
{
    d_step {
        assert(mmu_lock[d] == me);
        if
        :: d == 0 && validated[TABLE_1] -> audit_page(PAGE_0, entry[1], ended)
        :: d == 0 && !validated[TABLE_1] -> audit_page(PAGE_0, 0, ended)
        :: else -> audit_page(PAGE_1, entry[0], 0); audit_tables()
        fi;
        assert(pins == (handle != 0) + (ended != 0) && marked == (pins > 0));
        mmu_lock[d] = NOBODY
    }
}

inline domain_mmu_unlock_two()
{
    domain_mmu_unlock(1);
    domain_mmu_unlock(0)
}

/* What `leaf` and a grant that is `unmapped` hold, and what is to be dropped. */
inline audit_page(f, leaf, unmapped)
{
    a_n = allocated[f] + HOLDS(leaf, f) + HOLDS(unmapped, f);
    a_w = HOLDS_WRITABLE(leaf, f) + HOLDS_WRITABLE(unmapped, f);
    a_i = 0;
    do
    :: a_i < VCPUS * FOREIGN_DROP_LIMIT ->
        a_n = a_n + HOLDS(foreign_drops[a_i], f);
        a_w = a_w + HOLDS_WRITABLE(foreign_drops[a_i], f);
        a_i++
    :: else -> break
    od;
    a_i = 0;
    do
    :: a_i < VCPUS ->
        a_n = a_n + HOLDS(drop[a_i], f);
        a_w = a_w + HOLDS_WRITABLE(drop[a_i], f);
        a_i++
    :: else -> break
    od;
    assert(ref_count[f] == a_n && type_count[f] == a_w);
    a_n = 0; a_w = 0; a_i = 0
}

inline audit_tables()
{
    /* A half-done frame is exactly one vCPU's. */
    a_n = (walk_mode[0] != PT_WALK_NONE) + (walk_mode[1] != PT_WALK_NONE) +
          (walk_mode[2] != PT_WALK_NONE);
    assert(a_n == half[TABLE_2]);
    a_n = a_n + pinned + root_entry;
    assert(type_count[TABLE_2] == a_n && ref_count[TABLE_2] == a_n + allocated[TABLE_2]);
    assert(!(half[TABLE_2] && validated[TABLE_2]) && (a_n > 0 || !validated[TABLE_2]));
    a_n = (validated[TABLE_2] -> ENTRIES : (half[TABLE_2] -> progress : 0));
    assert(type_count[TABLE_1] == a_n && ref_count[TABLE_1] == a_n + allocated[TABLE_1]);
    assert(validated[TABLE_1] == (a_n > 0));
    a_n = 0
}

/* ---- the mapper's flush, and what waits for it: core/context.h, core/context.c --------------- */

/* port_flush_tlb(domain_cpus()) */
inline port_flush_tlb(d)
{
    atomic {
        tlb_leaf[d] = 0;
        if
        :: d == 1 -> tlb_table = false
        :: else
        fi
    }
}

/* pt_drop_leaf_later() */
inline pt_drop_leaf_later(hold)
{
#ifndef FOREIGN_LEAF_DROPPED_AT_ONCE
    assert(foreign_drop_count[vcpu] < FOREIGN_DROP_LIMIT);
    foreign_drops[vcpu * FOREIGN_DROP_LIMIT + foreign_drop_count[vcpu]] = hold;
    foreign_drop_count[vcpu]++;
#else
    pt_put_leaf(hold);
#endif
#ifndef FOREIGN_LEAF_OWES_NO_FLUSH
    flush_all = true
#else
    skip
#endif
}

/*
 * Whatever a hostile CPU reaches of the other domain's, its own still holds; and a granter has not
 * heard otherwise. A domain that is dying runs no more.
 */
inline check_held()
{
    assert(tlb_leaf[0] == 0 || ref_count[PAGE_1] > allocated[PAGE_1]);
    assert(!IS_WRITABLE(tlb_leaf[0]) || type_count[PAGE_1] > 0);
    assert(tlb_leaf[1] == 0 || is_dying || (ref_count[PAGE_0] > allocated[PAGE_0] && marked));
    assert(!IS_WRITABLE(tlb_leaf[1]) || is_dying || type_count[PAGE_0] > 0)
}

/* pt_put_leaf() */
inline pt_put_leaf(hold)
{
    assert(ref_count[TARGET(hold)] > 0 && (!IS_WRITABLE(hold) || type_count[TARGET(hold)] > 0));
    ref_count[TARGET(hold)]--;
    type_count[TARGET(hold)] = type_count[TARGET(hold)] - IS_WRITABLE(hold);
    check_held()
}

/* pt_take_leaf() */
inline pt_take_leaf(hold)
{
    ref_count[TARGET(hold)]++;
    type_count[TARGET(hold)] = type_count[TARGET(hold)] + IS_WRITABLE(hold)
}

/* Of the context's vCPU: in a settled walk, of the walk's */
inline context_drop_foreign(v)
{
    do
    :: foreign_drop_count[v] > 0 ->
        atomic {
            assert(foreign_drop_count[v] > 0);
            foreign_drop_count[v]--;
            drop[me] = foreign_drops[v * FOREIGN_DROP_LIMIT + foreign_drop_count[v]];
            foreign_drops[v * FOREIGN_DROP_LIMIT + foreign_drop_count[v]] = 0
        };
        domain_mmu_lock(OWNER(TARGET(drop[me])));
        atomic {
            domain = OWNER(TARGET(drop[me]));
            pt_put_leaf(drop[me]);
            drop[me] = 0
        };
        domain_mmu_unlock(domain)
    :: else -> break
    od
}

inline context_flush(pt_owner)
{
    flush_all = false;
    port_flush_tlb(pt_owner)
}

/* context_close() of a context of one domain */
inline context_close(pt_owner)
{
#ifndef FLUSH_AFTER_DROPS
    if
    :: flush_all -> context_flush(pt_owner)
    :: else
    fi;
#endif
    domain_mmu_unlock(pt_owner);
    context_drop_foreign(vcpu);
    flush_all = false
#ifdef FLUSH_AFTER_DROPS
    ; port_flush_tlb(pt_owner)
#endif
}

/* context_close() of one that has the other domain's frames as well */
inline context_close_two(pt_owner)
{
    if
    :: flush_all -> context_flush(pt_owner)
    :: else
    fi;
    domain_mmu_unlock_two();
    context_drop_foreign(vcpu)
}

/* let_go() of a context of domain 1 */
inline let_go()
{
#ifndef BREATHE_DROPS_UNFLUSHED
    if
    :: foreign_drop_count[vcpu] > 0 -> context_flush(1)
    :: else
    fi;
#endif
    domain_mmu_unlock(1);
    context_drop_foreign(vcpu)
}

/* context_breathe(): `go_on` */
inline context_breathe()
{
    let_go();
    if
    :: go_on = true
    :: go_on = false
    fi;
    domain_mmu_lock(1)
}

/*
 * While vCPU 1 executes a call, nobody else touches its walk and its foreign drops, and it begins
 * no call while somebody does: one CPU runs guests, and a vCPU leaves it between two executions
 * only. With more CPUs something else has to see to that.
 */
inline take_vcpu_1()
{
#ifndef SETTLES_ONE_THAT_RUNS
    atomic { vcpu_1_user == NOBODY -> vcpu_1_user = me }
#else
    skip
#endif
}
inline leave_vcpu_1()
{
    vcpu_1_user = NOBODY
}

/* context_settle_owner(): `go_on`; `waits`: it has nothing to settle */
inline context_settle_owner()
{
    go_on = false;
    waits = true;
#ifndef OWNER_IS_WAITED_FOR
    if
    :: DOMAIN(me) == 1
    :: else ->
        let_go();
#ifdef NOTHING_SETTLED_IS_SETTLED
        go_on = true;
#endif
        take_vcpu_1();
        if
        :: walk_mode[1] != PT_WALK_NONE -> waits = false; pt_settle(1)
        :: else -> waits = (other != 1)
        fi;
        leave_vcpu_1();
        domain_mmu_lock(1)
    fi
#endif
}

/* ---- the walk over TABLE_2: core/pt_validate.c ----------------------------------------------- */

/* validate_top() of one entry, with validate_child(). A new table names no foreign frame. */
inline validate_child(v)
{
    if
    :: validated[TABLE_1] -> ref_count[TABLE_1]++; type_count[TABLE_1]++; progress++
    :: !validated[TABLE_1] && type_count[TABLE_1] == 0 && entry[1] == 0 ->
        ref_count[TABLE_1]++; type_count[TABLE_1] = 1; validated[TABLE_1] = true; progress++
    :: else -> walk_mode[v] = PT_WALK_RELEASE; result = STATUS_REFUSED
    fi
}

/* release_top() of one entry, with release_child() */
inline release_child(v)
{
    assert(validated[TABLE_1]);
    if
    :: type_count[TABLE_1] > 1
    :: else ->
        validated[TABLE_1] = false;
        if
        :: entry[1] != 0 -> pt_drop_leaf_later(entry[1])
        :: else
        fi
    fi;
    ref_count[TABLE_1]--; type_count[TABLE_1]--; progress--
}

/* walk_should_stop() */
inline walk_should_stop()
{
    if
    :: stops > 0 -> stops--; result = STATUS_PREEMPTED
    :: skip
    fi
}

/* walk_run(): vCPU v's walk, by ours */
inline walk_run(v)
{
    result = STATUS_OK;
    do
    :: atomic { walk_mode[v] == PT_WALK_VALIDATE && progress < ENTRIES ->
        validate_child(v);
        if
        :: result == STATUS_OK -> walk_should_stop()
        :: else
        fi };
        if
        :: result != STATUS_OK -> break
        :: else
        fi
    :: atomic { walk_mode[v] == PT_WALK_VALIDATE && progress == ENTRIES ->
        half[TABLE_2] = false; validated[TABLE_2] = true; progress = 0; /* frame_publish() */
        walk_mode[v] = PT_WALK_NONE };
        break
    :: atomic { walk_mode[v] == PT_WALK_RELEASE && progress > 0 ->
        release_child(v);
        walk_should_stop() };
        if
        :: result != STATUS_OK -> break
        :: else
        fi
    :: atomic { walk_mode[v] == PT_WALK_RELEASE && progress == 0 ->
        release_finished(v) };
        break
    :: walk_mode[v] == PT_WALK_NONE -> break
    od
}

/* release_finished(), frame_release() */
inline release_finished(v)
{
    half[TABLE_2] = false;
    type_count[TABLE_2]--;
    ref_count[TABLE_2]--;
    walk_mode[v] = PT_WALK_NONE
}

/* walk_begin() */
inline walk_begin(v, mode, from)
{
    assert(walk_mode[v] == PT_WALK_NONE);
    walk_mode[v] = mode;
    half[TABLE_2] = true;
    validated[TABLE_2] = false;
    progress = from
}

/* pt_finish_release(), pt_run_release(): `go_on` */
inline pt_finish_release(v)
{
    go_on = true;
    do
    :: go_on && walk_mode[v] == PT_WALK_RELEASE ->
        walk_run(v);
        if
        :: result == STATUS_PREEMPTED -> context_breathe()
        :: else
        fi
    :: else -> break
    od
}

/* pt_settle(), pt_begin_call_settling(): `go_on` */
inline pt_settle(v)
{
    go_on = true;
    if
    :: walk_mode[v] != PT_WALK_NONE ->
        vcpu = v;
        domain_mmu_lock(1);
        if
        :: walk_mode[v] == PT_WALK_VALIDATE -> walk_mode[v] = PT_WALK_RELEASE /* walk_cancel() */
        :: else
        fi;
        pt_finish_release(v);
        context_close(1);
        vcpu = me
    :: else
    fi
}

/* pt_begin_call(): `go_on` */
inline pt_begin_call(pt_owner)
{
    if
    :: walk_mode[me] == PT_WALK_NONE || (walk_mode[me] == PT_WALK_VALIDATE && pt_owner == 1) ->
        go_on = true
    :: else -> pt_settle(me)
    fi
}

/* pt_make_room() */
inline pt_make_room()
{
    result = STATUS_OK;
    if
    :: walk_mode[me] == PT_WALK_NONE
    :: else ->
        walk_mode[me] = PT_WALK_RELEASE;
        walk_run(me);
        result = STATUS_PREEMPTED
    fi
}

/* pt_take() of TABLE_2 */
inline pt_take()
{
    if
    :: validated[TABLE_2] ->
        atomic { ref_count[TABLE_2]++; type_count[TABLE_2]++; result = STATUS_OK }
    :: !validated[TABLE_2] && walk_mode[me] == PT_WALK_VALIDATE -> walk_run(me)
    :: else ->
        pt_make_room();
        if
        :: result == STATUS_OK && type_count[TABLE_2] > 0 && !half[TABLE_2] ->
            result = STATUS_REFUSED
        :: result == STATUS_OK && half[TABLE_2] -> /* wait_for_others() */
            atomic {
                result = STATUS_AGAIN;
                other = 0;
                do
                :: walk_mode[other] == PT_WALK_NONE -> other++
                :: else -> break
                od
            }
        :: result == STATUS_OK && type_count[TABLE_2] == 0 -> /* take_first() */
            atomic {
                ref_count[TABLE_2]++;
                type_count[TABLE_2] = 1;
                walk_begin(me, PT_WALK_VALIDATE, 0)
            };
            walk_run(me)
        :: else
        fi
    fi
}

/* pt_drop() of TABLE_2, with the walk of vCPU v */
inline pt_drop(v)
{
    atomic {
        assert(validated[TABLE_2] && type_count[TABLE_2] > 0);
        if
        :: type_count[TABLE_2] > 1 -> type_count[TABLE_2]--; ref_count[TABLE_2]--
        :: else -> walk_begin(v, PT_WALK_RELEASE, ENTRIES)
        fi
    }
}

/* ---- calls on domain 1's tables: core/mmuext.c, core/pte_update.c, core/batch.c -------------- */

/* pin_table() */
inline pin_table()
{
    pt_take();
    if
    :: result == STATUS_OK && (pinned || is_dying) -> pt_drop(me)
    :: result == STATUS_OK && !pinned && !is_dying -> pinned = true
    :: else
    fi
}

/* unpin_table() */
inline unpin_table()
{
    if
    :: !pinned -> result = STATUS_REFUSED
    :: else ->
        pt_make_room();
        if
        :: result == STATUS_OK -> atomic { pinned = false; pt_drop(me) }
        :: else
        fi
    fi
}

/* pte_update_table() of the root entry */
inline pte_update_table()
{
    if
    :: root_entry ->
        pt_make_room();
        if
        :: result == STATUS_OK -> atomic { root_entry = false; pt_drop(me); flush_all = true }
        :: else
        fi
    :: else ->
        pt_take();
        if
        :: result == STATUS_OK -> root_entry = true; flush_all = true
        :: else
        fi
    fi
}

/* batch_run() of one element */
inline batch_run()
{
    domain_mmu_lock(1);
    do
    :: true -> /* run_element() */
        if
        :: ref_count[TABLE_2] == 0 -> result = STATUS_REFUSED /* the domain is gone */
        :: ref_count[TABLE_2] > 0 && what == PIN -> pin_table()
        :: ref_count[TABLE_2] > 0 && what == UNPIN -> unpin_table()
        :: ref_count[TABLE_2] > 0 && what == UPDATE -> pte_update_table()
        fi;
        if
        :: result == STATUS_PREEMPTED -> context_breathe()
        :: result == STATUS_AGAIN -> context_settle_owner(); result = STATUS_AGAIN
        :: else -> go_on = false
        fi;
        if
        :: !go_on -> break
        :: else
        fi
    od;
    if
    :: result == STATUS_PREEMPTED || result == STATUS_AGAIN
    :: else -> pt_finish_release(me); result = STATUS_OK /* or later: pt_begin_call() */
    fi;
    context_close(1)
}

/* ---- leaves and grants ----------------------------------------------------------------------- */

/* pte_update_leaf(): take, store, drop. The entry is in domain d's table. */
inline pte_update_leaf(d, new)
{
    atomic {
        if
        :: new != 0 -> pt_take_leaf(new)
        :: else
        fi;
        if
        :: entry[d] != 0 -> pt_drop_leaf_later(entry[d])
        :: else
        fi;
        entry[d] = new
    }
}

/* mmu_update of domain 0's entry, with PAGE_1 while there is such a frame */
inline map_foreign()
{
    domain_mmu_lock_two(0, 1);
    if
    :: ref_count[PAGE_1] > 0 ->
        if
        :: use = RO(PAGE_1)
        :: use = RW(PAGE_1)
        fi;
        pte_update_leaf(0, use);
        use = 0
    :: else
    fi;
    context_close_two(0)
}

/* mmu_update of one's own entry: no other lock is held. What is no table is written as a page. */
inline unmap_foreign(d)
{
    domain_mmu_lock(d);
    if
    :: d == 0 || validated[TABLE_1] -> pte_update_leaf(d, 0)
    :: d == 1 && !validated[TABLE_1] && type_count[TABLE_1] == 0 -> entry[1] = 0
    :: else
    fi;
    context_close(d)
}

/* grant_map(), map_entry() */
inline grant_map()
{
    domain_mmu_lock_two(1, 0);
    if
    :: !handle_taken && validated[TABLE_1] ->
        if
        :: use = RO(PAGE_0)
        :: use = RW(PAGE_0)
        fi;
        atomic { pins++; marked = true; handle = use; handle_taken = true };
        pte_update_leaf(1, use);
        use = 0
    :: else
    fi;
    context_close_two(1)
}

/* grant_unmap(): step 1, begin() */
inline grant_unmap()
{
    domain_mmu_lock(1); /* find_granter() */
    use = handle;
    domain_mmu_unlock(1);
    if
    :: use != 0 ->
        domain_mmu_lock_two(1, 0);
        if
        :: validated[TABLE_1] && entry[1] == handle -> /* else STATUS_GRANT_MAPPING_GONE */
            atomic { ended = handle; handle = 0; entry[1] = 0 }
        :: else
        fi;
        context_close_two(1);
        use = 0;
        grant_finish_unmaps()
    :: else
    fi
}

/* grant_finish_unmaps(): steps 2 and 3 */
inline grant_finish_unmaps()
{
    if
    :: ended != 0 ->
#ifndef GRANT_ENDS_BEFORE_FLUSH
        port_flush_tlb(1);
#endif
        domain_mmu_lock_two(1, 0);
        atomic { grant_unpin(); pt_put_leaf(ended); ended = 0; handle_taken = false };
        domain_mmu_unlock_two()
#ifdef GRANT_ENDS_BEFORE_FLUSH
        ; port_flush_tlb(1)
#endif
    :: else
    fi
}

/* grant_unpin(): the granter hears that nobody uses its page */
inline grant_unpin()
{
    assert(pins > 0);
    pins--;
    marked = (pins > 0);
    check_held()
}

/* ---- the end of domain 1: core/teardown.c ---------------------------------------------------- */

/* grant_release_mappings(): the leaf's references go with its table */
inline grant_release_mappings()
{
    domain_mmu_lock_two(1, 0);
    if
    :: handle != 0 -> atomic { handle = 0; handle_taken = false; grant_unpin() }
    :: else
    fi;
    domain_mmu_unlock_two()
}

/* tear_down_vcpu(): its own walk does the work */
inline tear_down_vcpu()
{
    take_vcpu_1();
#ifndef TEARDOWN_LEAVES_WALK
    pt_settle(1);
#endif
    if
    :: go_on ->
        vcpu = 1; /* context_open_self() */
        domain_mmu_lock(1);
        if
        :: root_entry -> atomic { root_entry = false; pt_drop(1) } /* a base: drop_base() */
        :: else
        fi;
        pt_finish_release(1);
        context_close(1);
        vcpu = me
    :: else
    fi;
    leave_vcpu_1()
}

/* let_go_of_frames() */
inline let_go_of_frames()
{
    domain_mmu_lock(1);
    pt_finish_release(me);
    if
    :: go_on && pinned -> atomic { pinned = false; pt_drop(me) }; pt_finish_release(me)
    :: else
    fi;
    if
    :: go_on ->
        atomic { /* frame_give_back() */
            ref_count[PAGE_1]--; ref_count[TABLE_1]--; ref_count[TABLE_2]--;
            allocated[PAGE_1] = false; allocated[TABLE_1] = false; allocated[TABLE_2] = false
        }
    :: else
    fi;
    context_close(1)
}

/* domain_begin_teardown(), and domain_tear_down() until it is done: nothing is left in domain 1's
 * hands, and its frames are there only as long as others hold them. */
inline tear_down()
{
    domain_mmu_lock(1);
    is_dying = true;
    domain_mmu_unlock(1);
    do
    :: true ->
        pt_settle(me);
        if
        :: go_on -> grant_release_mappings(); tear_down_vcpu()
        :: else
        fi;
        if
        :: go_on -> let_go_of_frames()
        :: else
        fi;
        if
        :: go_on -> break
        :: else /* back to the guest, and called again */
        fi
    od;
    domain_mmu_lock(1);
    assert(!pinned && !root_entry && walk_mode[1] == PT_WALK_NONE && pins == 0);
    assert(type_count[TABLE_2] == (walk_mode[2] != PT_WALK_NONE));
    domain_mmu_unlock(1);
    result = STATUS_OK
}

/* ---- the CPUs -------------------------------------------------------------------------------- */

#ifdef TABLES
#define CHOOSE                                                                                     \
    if                                                                                             \
    :: what = PIN                                                                                  \
    :: me != 2 -> what = UNPIN                                                                     \
    :: me == 1 -> what = UPDATE                                                                    \
    :: me == 0 && never_runs[1] && !is_dying -> what = TEAR_DOWN                                   \
    fi
#else
#define CHOOSE                                                                                     \
    if                                                                                             \
    :: me != 1 -> what = MAP_FOREIGN                                                               \
    :: what = UNMAP_FOREIGN                                                                        \
    :: me == 1 -> what = GRANT_MAP                                                                 \
    :: me == 1 -> what = GRANT_UNMAP                                                               \
    fi
#endif

/* A vCPU: a call is executed until it has an answer. */
proctype cpu(byte me; byte calls)
{
    byte stops = STOPS, what, result, use, domain, other, vcpu = me; /* vcpu: the context's */
    bool go_on, waits, flush_all;
    byte a_n, a_w, a_i;

    do
    :: calls > 0 && !(me == 1 && is_dying) ->
        atomic { calls--; CHOOSE };
        do
        :: true ->
            result = STATUS_OK;
            waits = false;
            if
            :: me == 1 && what >= PIN -> take_vcpu_1()
            :: else
            fi;
            pt_begin_call(OF_TABLES(what));
            if
            :: !go_on -> result = STATUS_AGAIN
            :: go_on && what == MAP_FOREIGN -> map_foreign()
            :: go_on && what == UNMAP_FOREIGN -> unmap_foreign(DOMAIN(me))
            :: go_on && what == GRANT_MAP -> grant_map()
            :: go_on && what == GRANT_UNMAP -> grant_unmap()
            :: go_on && what >= PIN && what <= UPDATE -> batch_run()
            :: go_on && what == TEAR_DOWN -> tear_down()
            fi;
progress_back_in_the_guest:
            assert(foreign_drop_count[me] == 0);
            if
            :: me == 1 && what >= PIN -> leave_vcpu_1()
            :: else
            fi;
            if
            :: result == STATUS_OK || result == STATUS_REFUSED -> other = 0; break
            :: result == STATUS_PREEMPTED || (result == STATUS_AGAIN && !waits)
            :: result == STATUS_AGAIN && waits ->
                /* Executed before the other's walk is over, the call does the same again. */
                walk_mode[other] == PT_WALK_NONE
            :: result != STATUS_OK && result != STATUS_REFUSED && me == 1 -> goto stop
            fi
        od
    :: calls == 0 -> break
    :: me == 1 && (is_dying || calls > 0) -> break
    od;
    do /* Domain 0's vCPUs make another call some time. */
    :: me == 1 || walk_mode[me] == PT_WALK_NONE -> break
    :: me != 1 && walk_mode[me] != PT_WALK_NONE -> pt_settle(me)
    od;
stop:
    never_runs[me] = true
}

/* A hostile CPU of domain d. */
proctype guest(byte d)
{
end:
    do
    :: atomic {
        d == 0 && tlb_leaf[0] == 0 && entry[0] != 0 ->
        tlb_leaf[0] = entry[0];
        check_held()
       }
    :: atomic { d == 1 && !is_dying && root_entry && validated[TABLE_2] && !tlb_table ->
        tlb_table = true
       }
    :: atomic {
        d == 1 && !is_dying && tlb_table && tlb_leaf[1] == 0 && entry[1] != 0 ->
        tlb_leaf[1] = entry[1];
        check_held()
       }
    od
}

init {
    atomic {
        ref_count[PAGE_0] = 1; ref_count[PAGE_1] = 1;
        ref_count[TABLE_1] = 3; ref_count[TABLE_2] = 2;
        type_count[TABLE_1] = 2; type_count[TABLE_2] = 1;
        allocated[PAGE_0] = true; allocated[PAGE_1] = true;
        allocated[TABLE_1] = true; allocated[TABLE_2] = true;
        validated[TABLE_1] = true; validated[TABLE_2] = true;
        root_entry = true;
#ifdef TABLES
        if
        :: /* a grant is mapped */
            ref_count[PAGE_0] = 2; type_count[PAGE_0] = 1;
            pins = 1; marked = true; handle = RW(PAGE_0); handle_taken = true;
            entry[1] = RW(PAGE_0)
        :: /* the tables are none yet */
            ref_count[TABLE_1] = 1; ref_count[TABLE_2] = 1;
            type_count[TABLE_1] = 0; type_count[TABLE_2] = 0;
            validated[TABLE_1] = false; validated[TABLE_2] = false;
            root_entry = false
        fi;
#endif
        run cpu(0, CALLS_0);
        run cpu(1, CALLS_1);
        if
        :: CALLS_2 > 0 -> run cpu(2, CALLS_2)
        :: else -> never_runs[2] = true
        fi;
#ifndef PROGRESS
        run guest(0);
        run guest(1)
#endif
    }
}
