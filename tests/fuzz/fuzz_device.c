/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device as several clients use it at once (libFuzzer): the input is a program of opens, writes,
 * reads, control calls, polls, interrupts and closes.  The device serves on a thread, libfuse and
 * all, and tests/fake-kernel stands at the other end of its channel.  fake_library.h is the TPM, so
 * that a command lasts as long as the program wants; the order of all that happens follows from the
 * input.
 *
 * What must hold: the protocol is kept; while no command runs every call is answered, and while one
 * does those that should be; a client reads the bytes of the response to its own last command, each
 * once, in order; nobody writes but the one who owns the command channel, and he until he closes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "device/device.h"
#include "fake-kernel/fake_kernel.h"
#include "fake_library.h"
#include "fuzz.h"
#include "state/state_store.h"
#include "swtpm_ptm.h"
#include "tpm/command.h"
#include "tpm/tpm.h"
#include "tpm/worker.h"
#include "unit/fake_storage.h"
#include "util/big_endian.h"
#include "util/log.h"

enum { CLIENTS = 4, CALLS = 8, STEPS_MAX = 200, PATIENCE = 10000 /* ms */, ROOM = 72 * 1024 };

/* One open of the device. */
struct client {
    struct fake_file *file; /* NULL: closed */
    uint8_t command[TPM_COMMAND_MAX];
    size_t command_size; /* of the last command that was taken; 0: none */
    size_t position;     /* in the response to it */
    bool transfers;      /* of blobs: what is written and read may be theirs */
};

enum call_kind { CALL_READ, CALL_WRITE, CALL_IOCTL, CALL_POLL };

/* A call in flight. */
struct call {
    struct fake_request *request; /* NULL: the slot is free */
    uint32_t number;              /* calls are made in this order */
    enum call_kind kind;
    struct client *client; /* NULL: it closed meanwhile */
    size_t size;
    bool foreseen;    /* of a write: whether it is refused follows from world.owner */
    unsigned command; /* of an ioctl */
    _Alignas(uint64_t) uint8_t data[ROOM];
};

static struct {
    struct fake_kernel *kernel;
    struct device *device;
    pthread_t server;
    struct storage *storage;
    struct state_store *store;
    enum tpm_version version;
    struct fake_file *control; /* an open that makes control calls alone, to see how far all is */
    struct client clients[CLIENTS];
    struct call calls[CALLS];
    struct client *owner; /* of the command channel (session.h); NULL: nobody */
    bool owner_known;
    bool busy;     /* a command is held up */
    bool holds;    /* the next slow one will be */
    bool ended;    /* SHUTDOWN or the kernel's end of the channel */
    bool broken;   /* a call was given up, so that a response may be lost with it */
    uint32_t next_command;
    uint32_t next_call;
} world;

/* An interrupt that comes after its call's reply stays with libfuse's session, which forgets it; that
 * every call was answered is checked at the end. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfuse3.so\n";
}

/* ------------------------------------------------------------------------------ the server --- */

static void *serve(void *unused)
{
    struct error error;

    (void)unused;
    if (device_make(world.device, &error) == 0)
        while (device_serve(world.device) == DEVICE_WOKEN)
            ;
    if (worker_is_busy())
        device_finish_command(world.device);
    tpm_stop();
    device_free(world.device);
    tpm_release();
    return NULL;
}

static void set_up_once(void)
{
    const struct log_parameters no_log = {.path = "-", .fd = -1};
    struct error error;

    if (worker_event_fd() >= 0)
        return;
    signal(SIGPIPE, SIG_IGN);
    MUST(log_open(&no_log, &error) == 0 && worker_start(&error) == 0);
    worker_await_start();
}

static void configure(uint8_t choice)
{
    struct error error;
    const struct state_store_parameters store = {
        .version = world.version, .storage = world.storage, .location = "memory"};

    MUST(state_store_new(&store, &world.store, &error) == 0);
    const struct tpm_parameters parameters = {
        .version = world.version,
        .store = world.store,
        .lock = {.used = true,
                 .incoming = choice & 2,
                 .release_outgoing = choice & 4},
        .allow_set_locality = choice & 8,
        .reject_locality_4 = choice & 16,
        .automatic_shutdown = choice & 32,
    };
    MUST(tpm_configure(&parameters, &error) == 0);
    tpm_set_locality(0);
    if (choice & 64)
        MUST(tpm_start(false) == 0);
}

static void begin(uint8_t choice)
{
    struct device_parameters parameters = {.name = "fuzz"};
    struct fake_device device;
    struct error error;

    set_up_once();
    fake_library_reset();
    memset(world.clients, 0, sizeof world.clients);
    world.owner = NULL;
    world.owner_known = true;
    world.busy = world.holds = world.ended = world.broken = false;
    world.next_command = world.next_call = 0;
    world.version = choice & 1 ? TPM_VERSION_1_2 : TPM_VERSION_2_0;
    world.storage = fake_storage_new();
    configure(choice);
    MUST(fake_kernel_create(&world.kernel, &parameters.channel_fd) == 0);
    fake_kernel_set_timeout(world.kernel, PATIENCE);
    MUST(device_new(&parameters, &world.device, &error) == 0);
    MUST(pthread_create(&world.server, NULL, serve, NULL) == 0);
    MUST(fake_kernel_wait_device(world.kernel, PATIENCE, &device) == 0);
    MUST(fake_open(world.kernel, O_RDWR, &world.control) == 0);
}

/* ------------------------------------------------------------------------ results of calls --- */

static bool is_end(ssize_t result)
{
    return result == -ENOTCONN || result == -ECONNABORTED;
}

static bool is_one_of(ssize_t result, const int *errors)
{
    for (; *errors != 0; errors++)
        if (result == -*errors)
            return true;
    return is_end(result);
}

/* The bytes of a response, from somewhere behind those that were read before. */
static bool continues(struct client *client, const uint8_t *response, size_t response_size,
                      const uint8_t *data, size_t size)
{
    for (size_t at = client->position; at + size <= response_size; at++) {
        if (memcmp(response + at, data, size) == 0 && (at == client->position || world.broken)) {
            client->position = at + size;
            return true;
        }
    }
    return false;
}

static void check_read(struct client *client, const uint8_t *data, size_t size)
{
    uint8_t response[FAKE_RESPONSE_MAX];

    if (client->transfers || size == 0)
        return;
    MUST(client->command_size > 0);
    size_t response_size = fake_library_response(
        (struct swtpm_bytes){client->command, client->command_size}, response);
    if (continues(client, response, response_size, data, size))
        return;
    /* A header alone: the TPM did not run, or the command set the locality. */
    tpm_response_put(world.version, tpm_result_failure(world.version), response);
    if (continues(client, response, TPM_HEADER_SIZE, data, size))
        return;
    MUST(client->command_size == TPM_HEADER_SIZE + 1 && size <= TPM_HEADER_SIZE);
}

/* A command of one who moves blobs may have been a part of one. */
static void note_owner(const struct call *call, ssize_t result)
{
    static const int refusals[] = {EBUSY, E2BIG, 0};

    if (is_one_of(result, refusals) || call->client == NULL)
        return;
    world.owner_known = result == (ssize_t)call->size && call->size <= TPM_COMMAND_MAX &&
                        !call->client->transfers;
    world.owner = world.owner_known ? call->client : NULL;
}

static void check_written(struct call *call, ssize_t result)
{
    static const int errors[] = {EBUSY, E2BIG, EFBIG, EIO, EINTR, 0};

    MUST(result == (ssize_t)call->size || is_one_of(result, errors) ||
         (result >= 0 && call->size > TPM_COMMAND_MAX));
    if (call->foreseen && !is_end(result))
        MUST((result == -EBUSY) == (world.owner != NULL && world.owner != call->client));
    note_owner(call, result);
    if (result < 0 || call->client == NULL || call->size > TPM_COMMAND_MAX)
        return;
    memcpy(call->client->command, call->data, call->size);
    call->client->command_size = call->size;
    call->client->position = 0;
}

static void check_result(struct call *call, ssize_t result)
{
    static const int read_errors[] = {EAGAIN, EINTR, 0};
    static const int ioctl_errors[] = {EINVAL, EINTR, 0};

    switch (call->kind) {
    case CALL_READ:
        MUST((result >= 0 && result <= (ssize_t)call->size) || is_one_of(result, read_errors));
        if (result > 0 && call->client != NULL)
            check_read(call->client, call->data, (size_t)result);
        break;
    case CALL_WRITE:
        check_written(call, result);
        break;
    case CALL_IOCTL:
        MUST(result == 0 || is_one_of(result, ioctl_errors));
        if (call->command == PTM_SHUTDOWN && result == 0)
            world.ended = true;
        break;
    case CALL_POLL:
        MUST(result >= 0 || result == -EINTR || is_end(result));
        break;
    }
}

/* Whether the call has ended; waits so long for it. */
static bool has_ended(struct call *call, int milliseconds)
{
    ssize_t result;

    if (call->request == NULL)
        return true;
    if (fake_wait(call->request, milliseconds, &result) != 0)
        return false;
    call->request = NULL;
    check_result(call, result);
    return true;
}

/* --------------------------------------------------------------------------------- waiting --- */

/* Returns when the device has looked at all that was sent before. */
static void catch_up(void)
{
    struct ptm_capability capability;

    MUST(is_end(fake_ioctl(world.control, PTM_GET_CAPABILITY, &capability)) ||
         capability.capabilities != 0);
}

/* Returns when no command runs any more. */
static void wait_until_free(void)
{
    static union ptm_info info;
    int result = fake_ioctl(world.control, PTM_GET_INFO, &info);

    MUST(result == 0 || is_end(result));
}

/* The oldest call in flight that is younger than call `number`: two readers get what there is in
 * the order in which they came. */
static struct call *next_in_flight(uint32_t number)
{
    struct call *next = NULL;

    for (size_t i = 0; i < CALLS; i++) {
        struct call *call = &world.calls[i];
        if (call->request != NULL && call->number > number &&
            (next == NULL || call->number < next->number))
            next = call;
    }
    return next;
}

/* A poll may wait for ever; all else ends, at once or once the TPM is free. */
static void settle(void)
{
    catch_up();
    for (struct call *call = next_in_flight(0); call != NULL; call = next_in_flight(call->number)) {
        bool must_end = !world.busy && call->kind != CALL_POLL;
        MUST(has_ended(call, must_end ? PATIENCE : 0) || !must_end);
    }
}

static void let_go(void)
{
    fake_library_let_go();
    wait_until_free();
    world.busy = world.holds = false;
    settle();
}

/* ---------------------------------------------------------------------------------- calls ---- */

static struct call *free_call(enum call_kind kind, struct client *client)
{
    for (size_t i = 0; i < CALLS; i++) {
        struct call *call = &world.calls[i];
        if (call->request != NULL)
            continue;
        call->number = ++world.next_call;
        call->kind = kind;
        call->client = client;
        call->size = 0;
        call->foreseen = false;
        return call;
    }
    return NULL;
}

static void open_client(struct client *client, uint8_t flags)
{
    int result;

    if (client->file != NULL)
        return;
    memset(client, 0, sizeof *client);
    result = fake_open(world.kernel, O_RDWR | (flags & 1 ? O_NONBLOCK : 0), &client->file);
    MUST(result == 0 || is_end(result));
    if (result != 0)
        client->file = NULL;
}

/* Whether there were any. */
static bool forget_calls(struct client *client)
{
    bool found = false;

    for (size_t i = 0; i < CALLS; i++) {
        if (world.calls[i].client != client)
            continue;
        found = found || world.calls[i].request != NULL;
        world.calls[i].client = NULL;
    }
    return found;
}

/* A close reaches the device once the last call of that open has ended. */
static void close_client(struct client *client, bool kill)
{
    if (client->file == NULL)
        return;
    if (forget_calls(client))
        world.owner_known = false;
    if (world.owner == client)
        world.owner = NULL;
    MUST((kill ? fake_kill(client->file) : fake_close(client->file)) == 0);
    client->file = NULL;
}

static size_t make_command(struct input *input, uint8_t *to)
{
    static const uint32_t ordinals[] = {0x17b, 0x144, 0x145, FAKE_STORING, TPM_CC_SET_LOCALITY,
                                        0x99, FAKE_SLOW_TPM2, FAKE_SLOW_TPM2};
    uint8_t kind = input_byte(input);
    uint32_t ordinal = ordinals[kind % 8];
    size_t size = kind & 8 ? input_byte(input) : 14;

    if (kind & 16)
        size = (size_t)input_byte(input) * 280;
    if (ordinal == FAKE_SLOW_TPM2 && world.version == TPM_VERSION_1_2)
        ordinal = FAKE_SLOW_TPM12;
    if (ordinal == TPM_CC_SET_LOCALITY)
        size = TPM_HEADER_SIZE + 1;
    MUST(size + TPM_HEADER_SIZE + 4 <= ROOM);
    memset(to, 0, size + TPM_HEADER_SIZE + 4);
    big_endian_put16(to, 0x8001);
    big_endian_put32(to + 2, (uint32_t)size);
    big_endian_put32(to + 6, ordinal);
    to[TPM_HEADER_SIZE] = kind >> 5;
    if (size >= TPM_HEADER_SIZE + 4)
        big_endian_put32(to + TPM_HEADER_SIZE, ++world.next_command);
    return size;
}

static bool is_slow(const struct call *call)
{
    uint32_t ordinal;

    return tpm_header_code((struct swtpm_bytes){call->data, call->size}, &ordinal) &&
           (ordinal == FAKE_SLOW_TPM2 || ordinal == FAKE_SLOW_TPM12);
}

/* Whether a slow command is with the TPM now can be told from outside: a call that waits for the
 * TPM to be free does not come back. */
static bool tpm_is_held(void)
{
    static union ptm_info info;
    ssize_t result;

    struct fake_request *request = fake_submit_ioctl(world.control, PTM_GET_INFO, &info);
    catch_up();
    if (fake_wait(request, 0, &result) == 0)
        return false;
    fake_interrupt(request);
    MUST(fake_wait(request, PATIENCE, &result) == 0 && (result == -EINTR || is_end(result)));
    return true;
}

static bool can_foresee_writes(const struct client *client)
{
    return world.owner_known && !world.busy && !world.broken && !world.ended && !client->transfers;
}

static void write_command(struct client *client, struct input *input)
{
    struct call *call = free_call(CALL_WRITE, client);

    if (call == NULL || client->file == NULL)
        return;
    call->size = make_command(input, call->data);
    if (call->size == 0)
        return;
    call->foreseen = can_foresee_writes(client) && call->size <= TPM_COMMAND_MAX;
    call->request = fake_submit_write(client->file, call->data, call->size);
    if (!world.holds || world.busy || !is_slow(call)) {
        settle();
        /* The next step may be one that holds commands up, but not this one. */
        if (!world.busy)
            wait_until_free();
        return;
    }
    catch_up();
    has_ended(call, 0);
    world.busy = tpm_is_held();
    settle();
}

static void read_response(struct client *client, uint8_t size)
{
    struct call *call = free_call(CALL_READ, client);

    if (call == NULL || client->file == NULL)
        return;
    call->size = size < 200 ? size : FAKE_RESPONSE_MAX + size;
    if (call->size == 0)
        return;
    call->request = fake_submit_read(client->file, call->data, call->size);
    settle();
}

static const unsigned controls[] = {
    PTM_GET_CAPABILITY,  PTM_INIT,        PTM_GET_TPMESTABLISHED, PTM_SET_LOCALITY,
    PTM_HASH_START,      PTM_HASH_DATA,   PTM_HASH_END,           PTM_CANCEL_TPM_CMD,
    PTM_STORE_VOLATILE,  PTM_STOP,        PTM_RESET_TPMESTABLISHED, PTM_GET_STATEBLOB,
    PTM_SET_STATEBLOB,   PTM_GET_CONFIG,  PTM_SET_DATAFD,         PTM_SET_BUFFERSIZE,
    PTM_GET_INFO,        PTM_LOCK_STORAGE, PTM_SHUTDOWN,          PTM_INIT,
    PTM_SET_STATEBLOB,   PTM_GET_STATEBLOB};

static unsigned choose_control(struct input *input)
{
    uint8_t choice = input_byte(input);

    /* Any number at all, but not one that ends the device by chance. */
    if (choice == 0xff)
        return input_32(input);
    return controls[choice % (sizeof controls / sizeof *controls)];
}

/* The first bytes of the structure come from the input; small numbers get far. */
static void fill_arguments(struct call *call, struct input *input)
{
    uint8_t count = input_byte(input) % 20;

    memset(call->data, 0, sizeof(union ptm_hash_data) + 4096);
    for (uint8_t i = 0; i < count; i++)
        call->data[i] = input_byte(input);
    /* Nobody waits months for a lock here. */
    if (call->command == PTM_LOCK_STORAGE)
        memset(call->data + 1, 0, 3);
}

static void control(struct client *client, struct input *input)
{
    struct call *call = free_call(CALL_IOCTL, client);
    unsigned command = choose_control(input);

    if (call == NULL || client->file == NULL)
        return;
    call->command = command;
    fill_arguments(call, input);
    if (command == PTM_GET_STATEBLOB || command == PTM_SET_STATEBLOB)
        client->transfers = true;
    if (_IOC_SIZE(command) > ROOM)
        return;
    call->request = fake_submit_ioctl(client->file, command, call->data);
    /* The command that is held up ends with that; when, cannot be told. */
    if (command == PTM_CANCEL_TPM_CMD && world.busy) {
        has_ended(call, PATIENCE);
        let_go();
    } else {
        settle();
    }
}

static void poll_client(struct client *client, uint8_t events)
{
    struct call *call = free_call(CALL_POLL, client);

    if (client->file == NULL)
        return;
    if (events & 128 || call == NULL) {
        int result = fake_poll(client->file, POLLIN | POLLOUT, 0);
        MUST(result >= 0 || is_end(result));
        if (can_foresee_writes(client) && result >= 0 && !(result & POLLERR))
            MUST(((result & POLLOUT) != 0) == (world.owner == NULL || world.owner == client));
        return;
    }
    call->request = fake_submit_poll(client->file, events & 1 ? POLLIN : POLLIN | POLLOUT);
    settle();
}

static void interrupt_call(struct call *call)
{
    if (call->request != NULL)
        fake_interrupt(call->request);
    settle();
}

static void give_up_call(struct call *call)
{
    if (call->request == NULL)
        return;
    /* Its response may be on the way. */
    world.broken = true;
    if (call->kind == CALL_WRITE && call->client != NULL)
        call->client->transfers = true;
    fake_abandon(call->request);
    call->request = NULL;
    settle();
}

enum step { OPEN, CLOSE, KILL, WRITE, READ, CONTROL, POLL, INTERRUPT, GIVE_UP, HOLD, LET_GO,
            NONBLOCKING, HANG_UP, STORE_FAILS, STEPS };

static void make_step(struct input *input)
{
    uint8_t step = input_byte(input);
    struct client *client = &world.clients[step >> 4 & 3];

    switch ((enum step)((step & 15) % STEPS)) {
    case OPEN:
        open_client(client, step >> 6);
        break;
    case CLOSE:
        close_client(client, false);
        break;
    case KILL:
        close_client(client, true);
        break;
    case WRITE:
        write_command(client, input);
        break;
    case READ:
        read_response(client, input_byte(input));
        break;
    case CONTROL:
        control(client, input);
        break;
    case POLL:
        poll_client(client, input_byte(input));
        break;
    case INTERRUPT:
        interrupt_call(&world.calls[step >> 4 & 7]);
        break;
    case GIVE_UP:
        give_up_call(&world.calls[step >> 4 & 7]);
        break;
    case HOLD:
        if (!world.busy)
            fake_library_hold();
        world.holds = true;
        break;
    case LET_GO:
        let_go();
        break;
    case NONBLOCKING:
        if (client->file != NULL)
            fake_set_nonblocking(client->file, step & 64);
        break;
    case HANG_UP:
        if (step >> 4 == 15)
            fake_kernel_hang_up(world.kernel);
        break;
    case STORE_FAILS:
        if (!world.busy)
            fake_storage_break(world.storage, step >> 4 & 3, step & 128 ? SWTPM_PLUGIN_IO : 0);
        break;
    case STEPS:
        break;
    }
}

static void end(void)
{
    let_go();
    for (size_t i = 0; i < CALLS; i++) {
        if (world.calls[i].request != NULL)
            fake_abandon(world.calls[i].request);
        world.calls[i].request = NULL;
    }
    for (size_t i = 0; i < CLIENTS; i++)
        close_client(&world.clients[i], false);
    /* An answer may be what a close has waited for. */
    for (int i = 0; i < 10 && fake_kernel_unanswered(world.kernel) > 0; i++)
        catch_up();
    MUST(fake_kernel_unanswered(world.kernel) == 0);
    MUST(fake_close(world.control) == 0);
    for (unsigned i = 0; i < fake_kernel_violations(world.kernel); i++)
        fprintf(stderr, "violation: %s\n", fake_kernel_violation(world.kernel, i));
    MUST(fake_kernel_violations(world.kernel) == 0);
    fake_kernel_hang_up(world.kernel);
    MUST(pthread_join(world.server, NULL) == 0);
    fake_kernel_destroy(world.kernel);
    state_store_free(world.store);
    fake_storage_free(world.storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};

    begin(input_byte(&input));
    for (int i = 0; i < STEPS_MAX && input.size > 0; i++)
        make_step(&input);
    end();
    return 0;
}
