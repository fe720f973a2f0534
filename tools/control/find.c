/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/find.h"

#include <stdlib.h>
#include <string.h>

#include "tools/control/domain.h"
#include "tools/control/machine.h"
#include "tools/report.h"

bool find_name(struct control *control, struct xs_handle *store, const char *name, uint32_t *domain)
{
    struct xen_domctl_getdomaininfo *infos;
    int count = machine_list_domains(control, &infos);
    bool found = false;
    for (int i = 0; i < count && !found; i++) {
        char *own = store_read(store, infos[i].domain, "name");
        found = own != NULL && strcmp(own, name) == 0;
        *domain = infos[i].domain;
        free(own);
    }
    free(infos);
    return found;
}

bool find_domain(struct control *control, struct xs_handle *store, const char *what,
                 uint32_t *domain)
{
    if (what[0] != '\0' && what[strspn(what, "0123456789")] == '\0') {
        unsigned long number = strtoul(what, NULL, 10);
        struct xen_domctl_getdomaininfo info;
        *domain = (uint32_t)number;
        if (number < DOMID_FIRST_RESERVED && domain_get_info(control, *domain, &info) == 0) {
            return true;
        }
    } else if (store != NULL && find_name(control, store, what, domain)) {
        return true;
    }
    report("%s: there is no such domain%s", what,
           store == NULL ? " (xenstored is not running: names are not known)" : "");
    return false;
}
