/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_CHECKS_H
#define TOOLS_SWTPM_PLUGIN_CHECK_CHECKS_H

#include "tools/swtpm_plugin_check/check.h"

/* The functions of the table of checks (check_table.c), which says what each of them tests. */

typedef void check_function(const struct subject *subject);

/* file.c: the file, before and without calling an op */
check_function check_file_name;
check_function check_exported_symbols;
check_function check_resolved_symbols;
check_function check_linking;
check_function check_constructors;
check_function check_capability_bits;

/* opening.c; check_location is not in the table: without a store, no other check makes sense */
check_function check_location;
check_function check_create;
check_function check_open_missing;
check_function check_read_only_changes_nothing;
check_function check_read_only_refuses;
check_function check_read_only_creates_nothing;
check_function check_file_mode;
check_function check_announcement_refused;
check_function check_open_takes_no_lock;
check_function check_location_lifetime;

/* values.c */
check_function check_value_sizes;
check_function check_value_too_large;
check_function check_put_replaces;
check_function check_values_persist;
check_function check_get_size_only;
check_function check_get_too_small;
check_function check_get_missing;
check_function check_delete;
check_function check_valid_names;
check_function check_hostile_names;
check_function check_list;
check_function check_list_ended_by_visitor;

/* stores.c */
check_function check_place_visited;
check_function check_visited_stores_open;
check_function check_place_missing;
check_function check_store_visited;
check_function check_list_stores_changes_nothing;
check_function check_list_stores_uses_ops;
check_function check_list_stores_ended_by_visitor;

/* locks.c */
check_function check_lock_excludes_handles;
check_function check_lock_excludes_processes;
check_function check_lock_is_immediate;
check_function check_lock_twice;
check_function check_lock_of_another_store;
check_function check_lock_released;
check_function check_lock_dies_with_process;
check_function check_unlock_not_held;

/* threads.c */
check_function check_thread_hopping;
check_function check_many_handles;
check_function check_nothing_outlives_a_call;

/* manners.c */
check_function check_process_state;
check_function check_descriptors_close_on_exec;
check_function check_descriptors_closed;
check_function check_memory_given_back;
check_function check_failures;

/* links.c */
check_function check_links_not_followed;

/* system_calls.c */
check_function check_declared_system_calls;
check_function check_announced_paths;

/* sandboxed.c */
check_function check_storage_in_sandbox;
check_function check_crypto_in_sandbox;

/* crash.c */
check_function check_crash_in_put;
check_function check_crash_in_first_put;
check_function check_crash_in_delete;
check_function check_crash_in_creation;
check_function check_torn_put;

/* durability.c */
check_function check_durable_put;
check_function check_durable_delete;

/* faults.c */
check_function check_medium_faults;
check_function check_medium_full;
check_function check_memory_faults;
check_function check_interruptions;

/* crypto_known_answers.c */
check_function check_known_digests;
check_function check_known_hmacs;
check_function check_known_cbc;
check_function check_known_gcm;
check_function check_known_hkdf;
check_function check_known_pbkdf2;

/* crypto_contract.c */
check_function check_random;
check_function check_crypto_sizes;
check_function check_crypto_algorithms;
check_function check_cbc_in_place;
check_function check_gcm_forgery;
check_function check_crypto_threads;
check_function check_crypto_memory_faults;

#endif
