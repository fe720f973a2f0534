/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenstore_lib.h>

#include "tools/control/uuid.h"

#define PATH_MAX_OWN 128

/* How much output xenconsoled keeps for a console that nobody reads, in bytes; as xl has it. */
#define CONSOLE_LIMIT "1048576"

/* What the guest itself writes to: the answers to a shutdown and what it offers. */
static const char *const guest_writable[] = {
    "control/shutdown",
    "control/sysrq",
    "control/feature-poweroff",
    "control/feature-reboot",
    "control/feature-suspend",
    "data",
    "error",
};

/* Whether the daemon answers. libxenstore would turn to the kernel's device instead, where a
 * request waits for ever. */
static bool daemon_listens(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, xs_daemon_socket(), sizeof(address.sun_path) - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return listens;
}

struct xs_handle *store_open(void)
{
    return daemon_listens() ? xs_open(0) : NULL;
}

static void domain_path(char path[PATH_MAX_OWN], uint32_t domain, const char *key)
{
    snprintf(path, PATH_MAX_OWN, "/local/domain/%" PRIu32 "%s%s", domain, key[0] != '\0' ? "/" : "",
             key);
}

static bool write_path(struct xs_handle *store, const char *path, const char *value)
{
    return xs_write(store, XBT_NULL, path, value, (unsigned int)strlen(value));
}

char *store_read(struct xs_handle *store, uint32_t domain, const char *key)
{
    char path[PATH_MAX_OWN];
    unsigned int length;
    domain_path(path, domain, key);
    return xs_read(store, XBT_NULL, path, &length);
}

bool store_write(struct xs_handle *store, uint32_t domain, const char *key, const char *value)
{
    char path[PATH_MAX_OWN];
    domain_path(path, domain, key);
    return write_path(store, path, value);
}

static bool write_number(struct xs_handle *store, uint32_t domain, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    return store_write(store, domain, key, text);
}

/* A new node that is the first domain's, and that the domain may read; so is what is made below. */
static bool make_folder(struct xs_handle *store, uint32_t domain, const char *path)
{
    struct xs_permissions permissions[] = {
        {.id = 0, .perms = XS_PERM_NONE},
        {.id = domain, .perms = XS_PERM_READ},
    };
    return xs_mkdir(store, XBT_NULL, path) &&
           xs_set_permissions(store, XBT_NULL, path, permissions, ARRAY_SIZE(permissions));
}

static bool make_guest_writable(struct xs_handle *store, uint32_t domain, const char *key)
{
    struct xs_permissions owner = {.id = domain, .perms = XS_PERM_NONE};
    char path[PATH_MAX_OWN];
    domain_path(path, domain, key);
    return write_path(store, path, "") && xs_set_permissions(store, XBT_NULL, path, &owner, 1);
}

bool store_add_domain(struct xs_handle *store, uint32_t domain, const char *name,
                      const uint8_t uuid[16])
{
    char path[PATH_MAX_OWN];
    char vm[UUID_TEXT_SIZE + 4] = "/vm/";
    uuid_format(uuid, vm + 4);
    domain_path(path, domain, "");
    xs_rm(store, XBT_NULL, path); /* of a former domain of this number, if it was left */
    bool done = make_folder(store, domain, path) && store_write(store, domain, "name", name) &&
                store_write(store, domain, "vm", vm) && make_folder(store, domain, vm);
    char key[sizeof(vm) + 8];
    snprintf(key, sizeof(key), "%s/name", vm);
    done = done && write_path(store, key, name);
    snprintf(key, sizeof(key), "%s/uuid", vm);
    return done && write_path(store, key, vm + 4);
}

static bool add_resources(struct xs_handle *store, uint32_t domain, const struct config *config)
{
    bool done = write_number(store, domain, "domid", domain) &&
                write_number(store, domain, "memory/static-max", config->memory_limit_mib << 10) &&
                write_number(store, domain, "memory/target", config->memory_mib << 10);
    for (unsigned int i = 0; done && i < config->vcpu_limit; i++) {
        char key[40];
        snprintf(key, sizeof(key), "cpu/%u/availability", i);
        done = store_write(store, domain, key, i < config->vcpus ? "online" : "offline");
    }
    for (size_t i = 0; done && i < ARRAY_SIZE(guest_writable); i++) {
        done = make_guest_writable(store, domain, guest_writable[i]);
    }
    return done;
}

static bool add_rings(struct xs_handle *store, uint32_t domain, const struct store_rings *rings)
{
    return write_number(store, domain, "store/port", rings->store_port) &&
           write_number(store, domain, "store/ring-ref", rings->store_mfn) &&
           store_write(store, domain, "console/type", "xenconsoled") &&
           store_write(store, domain, "console/output", "pty") &&
           store_write(store, domain, "console/limit", CONSOLE_LIMIT) &&
           write_number(store, domain, "console/ring-ref", rings->console_mfn) &&
           write_number(store, domain, "console/port", rings->console_port);
}

bool store_introduce_domain(struct xs_handle *store, uint32_t domain, const struct config *config,
                            const struct store_rings *rings)
{
    return add_resources(store, domain, config) && add_rings(store, domain, rings) &&
           xs_introduce_domain(store, domain, rings->store_mfn, rings->store_port);
}

void store_remove_domain(struct xs_handle *store, uint32_t domain)
{
    char path[PATH_MAX_OWN];
    char *vm = store_read(store, domain, "vm");
    if (vm != NULL && strncmp(vm, "/vm/", 4) == 0) {
        xs_rm(store, XBT_NULL, vm);
    }
    free(vm);
    domain_path(path, domain, "");
    xs_rm(store, XBT_NULL, path);
    xs_release_domain(store, domain); /* xenstored lets go of it by itself too, but later */
}
