contexts.o: guests/domains/contexts.c lib/hidden.h \
  guests/domains/contexts.h guests/domains/child.h \
  guests/domains/control.h guests/lib/hypercall.h lib/compiler.h \
  lib/frame_number.h guests/lib/memory.h guests/lib/test.h \
  guests/lib/trap.h lib/string.h

lib/hidden.h:

guests/domains/contexts.h:

guests/domains/child.h:

guests/domains/control.h:

guests/lib/hypercall.h:

lib/compiler.h:

lib/frame_number.h:

guests/lib/memory.h:

guests/lib/test.h:

guests/lib/trap.h:

lib/string.h:
