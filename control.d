control.o: guests/domains/control.c lib/hidden.h guests/domains/control.h \
  guests/lib/hypercall.h lib/compiler.h lib/frame_number.h \
  guests/lib/memory.h guests/lib/event.h guests/lib/test.h \
  guests/lib/trap.h lib/string.h

lib/hidden.h:

guests/domains/control.h:

guests/lib/hypercall.h:

lib/compiler.h:

lib/frame_number.h:

guests/lib/memory.h:

guests/lib/event.h:

guests/lib/test.h:

guests/lib/trap.h:

lib/string.h:
