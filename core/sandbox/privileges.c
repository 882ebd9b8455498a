/* SPDX-License-Identifier: BSD-3-Clause */
#include "sandbox/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------ resolving ---- */

/* The whole of `text` as a uid; (uid_t)-1 is the kernel's word for "no change" and no uid. */
static bool parse_uid(const char *text, uid_t *uid)
{
    if (text[0] < '0' || text[0] > '9')
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value >= (uid_t)-1)
        return false;
    *uid = (uid_t)value;
    return true;
}

/* As getpwnam(3) and getpwuid(3), which leave errno alone when there is no such user. */
static const struct passwd *find_user(const char *run_as, uid_t *uid)
{
    errno = 0;
    const struct passwd *user = getpwnam(run_as);
    if (user == NULL && parse_uid(run_as, uid)) {
        errno = 0;
        user = getpwuid(*uid);
    }
    return user;
}

static int list_groups(struct privileges *privileges, const char *name, struct error *error)
{
    int count = 0;
    /* Too small on purpose: this call counts. */
    getgrouplist(name, privileges->gid, NULL, &count);
    privileges->groups = calloc((size_t)count, sizeof *privileges->groups);
    if (privileges->groups == NULL) {
        error_set(error, "option --runas: no memory for the %d groups of user '%s'", count, name);
        return -1;
    }
    if (getgrouplist(name, privileges->gid, privileges->groups, &count) < 0) {
        error_set(error,
                  "option --runas: the groups of user '%s' changed while being read; try "
                  "again",
                  name);
        return -1;
    }
    privileges->group_count = (size_t)count;
    return 0;
}

static int resolve_user(struct privileges *privileges, const char *run_as, struct error *error)
{
    uid_t uid = (uid_t)-1;
    const struct passwd *user = find_user(run_as, &uid);

    if (user == NULL && uid == (uid_t)-1) {
        error_set(error, "option --runas: there is no user '%s'%s%s; give a user's name or a uid",
                  run_as, errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
        return -1;
    }
    if (user == NULL) {
        privileges->uid = uid;
        privileges->gid = uid;
        return 0;
    }
    privileges->uid = user->pw_uid;
    privileges->gid = user->pw_gid;
    return list_groups(privileges, user->pw_name, error);
}

static bool is_this_process(uid_t uid)
{
    return uid != 0 && uid == geteuid() && uid == getuid();
}

int privileges_resolve(struct privileges *privileges, const char *run_as, struct error *error)
{
    struct privileges found = {0};

    if (run_as != NULL && resolve_user(&found, run_as, error) != 0) {
        privileges_free(&found);
        return -1;
    }
    if (run_as == NULL || is_this_process(found.uid)) {
        privileges_free(&found);
        found = (struct privileges){.uid = geteuid(), .gid = getegid(), .keep_groups = true};
    }
    *privileges = found;
    return 0;
}

void privileges_free(struct privileges *privileges)
{
    free(privileges->groups);
    *privileges = (struct privileges){0};
}

/* ------------------------------------------------------------------------------- dropping ---- */

static int enter_root(const char *root, struct error *error)
{
    if (chdir(root) == 0 && chroot(".") == 0 && chdir("/") == 0)
        return 0;
    error_set(error, "option --chroot: cannot make '%s' the root directory: %s%s", root,
              strerror(errno), errno == EPERM ? "; only root may" : "");
    return -1;
}

/* The set that bounds what execve(2) can give.  Without CAP_SETPCAP it stays, and no_new_privs has
 * to suffice. */
static int drop_bounding_set(struct error *error)
{
    unsigned long capability = 0;

    while (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
        capability++;
    /* EINVAL: the one after the last that the kernel knows. */
    if (errno == EPERM || (errno == EINVAL && capability > 0))
        return 0;
    error_set(error, "cannot drop capability %lu from the bounding set: %s", capability,
              strerror(errno));
    return -1;
}

static int change_ids(const struct privileges *privileges, struct error *error)
{
    uid_t uid = privileges->uid;
    gid_t gid = privileges->gid;

    if ((privileges->keep_groups || setgroups(privileges->group_count, privileges->groups) == 0) &&
        setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0)
        return 0;
    error_set(error, "option --runas: cannot become uid %u, gid %u: %s%s", (unsigned)uid,
              (unsigned)gid, strerror(errno), errno == EPERM ? "; only root may" : "");
    return -1;
}

static int capability_call(long number, struct __user_cap_data_struct *sets, struct error *error)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    if (syscall(number, &header, sets) == 0)
        return 0;
    error_set(error, "cannot %s capabilities: %s", number == SYS_capset ? "drop all" : "read the",
              strerror(errno));
    return -1;
}

static int drop_capabilities(struct error *error)
{
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
        error_set(error, "cannot clear the ambient capabilities: %s", strerror(errno));
        return -1;
    }
    return capability_call(SYS_capset, none, error);
}

static int forbid_gains_and_dumps(struct error *error)
{
    const struct rlimit no_core = {0};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
        setrlimit(RLIMIT_CORE, &no_core) == 0)
        return 0;
    error_set(error, "cannot forbid new privileges and core dumps: %s", strerror(errno));
    return -1;
}

static int check_ids(const struct privileges *privileges, struct error *error)
{
    uid_t unchanged_uid = (uid_t)-1;
    gid_t unchanged_gid = (gid_t)-1;
    bool regained = (privileges->uid != 0 && setresuid(unchanged_uid, 0, unchanged_uid) == 0) ||
                    (privileges->gid != 0 && setresgid(unchanged_gid, 0, unchanged_gid) == 0);

    if (!regained && geteuid() == privileges->uid && getegid() == privileges->gid)
        return 0;
    error_set(error,
              "option --runas: the process did not stay uid %u, gid %u: the kernel let it "
              "become root again",
              (unsigned)privileges->uid, (unsigned)privileges->gid);
    return -1;
}

static int check_capabilities(struct error *error)
{
    struct __user_cap_data_struct left[_LINUX_CAPABILITY_U32S_3];

    if (capability_call(SYS_capget, left, error) != 0)
        return -1;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        if ((left[i].effective | left[i].permitted | left[i].inheritable) == 0)
            continue;
        error_set(error, "capabilities were dropped, yet the kernel still reports some");
        return -1;
    }
    return 0;
}

int privileges_drop(const struct privileges *privileges, const char *root, struct error *error)
{
    if (root != NULL && enter_root(root, error) != 0)
        return -1;
    if (drop_bounding_set(error) != 0 || change_ids(privileges, error) != 0 ||
        drop_capabilities(error) != 0)
        return -1;
    /* After the change of ids, which makes a process dumpable or not as it sees fit. */
    if (forbid_gains_and_dumps(error) != 0)
        return -1;
    if (check_ids(privileges, error) != 0)
        return -1;
    return check_capabilities(error);
}
