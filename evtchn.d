evtchn.o: hv/evtchn/evtchn.c lib/hidden.h hv/evtchn/evtchn.h lib/abi.h \
  lib/compiler.h hv/cpu/msr.h hv/debug/stretch.h hv/irq/pirq.h \
  hv/mem/memory.h hv/vcpu.h core/domain.h core/machine.h core/frame.h \
  core/status.h lib/check.h lib/frame_number.h core/pte.h \
  lib/ticket_lock.h hv/console/guest_console.h hv/console/input.h \
  hv/console/byte_queue.h hv/console/input_switch.h lib/options.h \
  lib/log_level.h hv/console/line.h hv/console/pv_ring.h hv/cpu/cpu.h \
  hv/layout.h hv/domain/memory_map.h lib/heap.h lib/string.h

lib/hidden.h:

hv/evtchn/evtchn.h:

lib/abi.h:

lib/compiler.h:

hv/cpu/msr.h:

hv/debug/stretch.h:

hv/irq/pirq.h:

hv/mem/memory.h:

hv/vcpu.h:

core/domain.h:

core/machine.h:

core/frame.h:

core/status.h:

lib/check.h:

lib/frame_number.h:

core/pte.h:

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

lib/heap.h:

lib/string.h:
