sysctl.o: hv/control/sysctl.c lib/hidden.h hv/control/control.h \
  hv/domain/domain.h hv/vcpu.h core/domain.h core/machine.h core/frame.h \
  core/status.h lib/compiler.h lib/check.h lib/frame_number.h core/pte.h \
  lib/abi.h lib/ticket_lock.h hv/console/guest_console.h \
  hv/console/input.h hv/console/byte_queue.h hv/console/input_switch.h \
  lib/options.h lib/log_level.h hv/console/line.h hv/console/pv_ring.h \
  hv/cpu/cpu.h hv/layout.h hv/domain/memory_map.h hv/mem/memory.h \
  hv/evtchn/evtchn.h lib/heap.h hv/hypercall/hypercall.h core/context.h \
  core/pte_decide.h lib/string.h hv/console/console.h \
  hv/console/readconsole.h hv/control/machine_info.h hv/debug/keys.h \
  hv/guest_memory.h

lib/hidden.h:

hv/control/control.h:

hv/domain/domain.h:

hv/vcpu.h:

core/domain.h:

core/machine.h:

core/frame.h:

core/status.h:

lib/compiler.h:

lib/check.h:

lib/frame_number.h:

core/pte.h:

lib/abi.h:

lib/ticket_lock.h:

hv/console/guest_console.h:

hv/console/input.h:

hv/console/byte_queue.h:

hv/console/input_switch.h:

lib/options.h:

lib/log_level.h:

hv/console/line.h:

hv/console/pv_ring.h:

hv/cpu/cpu.h:

hv/layout.h:

hv/domain/memory_map.h:

hv/mem/memory.h:

hv/evtchn/evtchn.h:

lib/heap.h:

hv/hypercall/hypercall.h:

core/context.h:

core/pte_decide.h:

lib/string.h:

hv/console/console.h:

hv/console/readconsole.h:

hv/control/machine_info.h:

hv/debug/keys.h:

hv/guest_memory.h:
