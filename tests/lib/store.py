# SPDX-License-Identifier: BSD-3-Clause
"""Where the TPMs of the tests keep their state: in the kind of store that the environment variable
STORAGE names, dir (the default), file or lmdb.  Each is made at a path that the test chooses.

    with Store(path) as store:
        store.put("tpm2-00.permall", b"not a state")

is a host of the storage plugin of the release build in this process, for tests that look at what is
stored or change it.
"""

import ctypes
import os
import unittest

from fake_kernel import TOP

STORAGE = os.environ.get("STORAGE", "dir")

_BUSY, _NOT_FOUND = -3, -1
_CREATE, _READ_ONLY = 1, 2
_VALUE_MAX = 16 << 20


def uri(path):
    """Names the store at `path`; a file stands in it, if it is a directory.  A URI is its own."""
    if "://" in path:
        return path
    if STORAGE == "file" and os.path.isdir(path):
        path = os.path.join(path, "store")
    return f"{STORAGE}://{path}{'?tpm=vtpm' if STORAGE == 'lmdb' else ''}"


def tpmstate(path):
    """The argument of --tpmstate for the store at `path`."""
    return f"dir={path}" if STORAGE == "dir" else f"backend-uri={uri(path)}"


def only_for(*kinds, reason):
    """Skips a test for the other kinds of stores."""
    return unittest.skipUnless(STORAGE in kinds, f"STORAGE={STORAGE}: {reason}")


# ------------------------------------------------------------- swtpm_plugin.h, as far as needed

class _Bytes(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_size_t)]


class _Error(ctypes.Structure):
    _fields_ = [("message", ctypes.c_char * 512)]


_Announce = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32)
_Visitor = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64)


class _Parameters(ctypes.Structure):
    _fields_ = [("location", ctypes.c_char_p), ("mode", ctypes.c_uint32),
                ("flags", ctypes.c_uint32), ("announce_path", _Announce),
                ("context", ctypes.c_void_p)]


def _op(*arguments, result=ctypes.c_int):
    return ctypes.CFUNCTYPE(result, ctypes.c_void_p, *arguments)


_ERROR = ctypes.POINTER(_Error)


class _Ops(ctypes.Structure):
    _fields_ = [
        ("capabilities", ctypes.c_uint64),
        ("open", _op(ctypes.POINTER(_Parameters), _ERROR)),
        ("close", _op(result=None)),
        ("lock", _op(_ERROR)),
        ("unlock", _op(_ERROR)),
        ("get", _op(ctypes.c_char_p, _Bytes, ctypes.POINTER(ctypes.c_size_t), _ERROR)),
        ("put", _op(ctypes.c_char_p, _Bytes, ctypes.c_uint32, _ERROR)),
        ("delete", _op(ctypes.c_char_p, ctypes.c_uint32, _ERROR)),
        ("list", _op(_Visitor, ctypes.c_void_p, _ERROR)),
    ]


class _Plugin(ctypes.Structure):
    _fields_ = [("magic", ctypes.c_uint64), ("abi", ctypes.c_uint32), ("kind", ctypes.c_uint32),
                ("ops_size", ctypes.c_size_t), ("name", ctypes.c_char_p),
                ("version", ctypes.c_char_p), ("summary", ctypes.c_char_p),
                ("system_calls", ctypes.c_void_p), ("ops", ctypes.POINTER(_Ops))]


def _ops(plugin):
    path = os.path.join(TOP, f"build/release/plugins/storage-{plugin}.so")
    plugin = _Plugin.in_dll(ctypes.CDLL(path), "swtpm_plugin")
    assert plugin.magic.to_bytes(8, "big") == b"SWTPMPLG" and plugin.abi == 1
    return plugin.ops.contents


class StoreError(OSError):
    """A plugin's message."""


class Store:
    """The store at a path or URI, while `with` lasts.  It is made if there is none."""

    def __init__(self, path, read_only=False):
        self._plugin, _, location = uri(path).partition("://")
        self._location = location.encode()
        self._flags = _READ_ONLY if read_only else _CREATE

    def __enter__(self):
        self._ops, self._error = _ops(self._plugin), _Error()
        self._handle = ctypes.c_void_p()
        announced = _Announce(lambda context, path, access: 0)
        parameters = _Parameters(self._location, 0o640, self._flags, announced, None)
        self._checked(self._ops.open(ctypes.addressof(self._handle), ctypes.byref(parameters),
                                     ctypes.byref(self._error)))
        return self

    def __exit__(self, *_):
        self._ops.close(self._handle)

    def try_lock(self):
        """Whether this is the store's only holder now."""
        result = self._ops.lock(self._handle, ctypes.byref(self._error))
        return result != _BUSY and self._checked(result) == 0

    def names(self):
        found = []
        visitor = _Visitor(lambda context, name, size: found.append(name.decode()) or 0)
        self._checked(self._ops.list(self._handle, visitor, None, ctypes.byref(self._error)))
        return found

    def get(self, name):
        value, size = ctypes.create_string_buffer(_VALUE_MAX), ctypes.c_size_t()
        buffer = _Bytes(ctypes.cast(value, ctypes.c_char_p), len(value))
        self._checked(self._ops.get(self._handle, name.encode(), buffer, ctypes.byref(size),
                                    ctypes.byref(self._error)))
        return value.raw[:size.value]

    def put(self, name, value):
        self._checked(self._ops.put(self._handle, name.encode(), _Bytes(value, len(value)), 0,
                                    ctypes.byref(self._error)))

    def delete(self, name):
        self._checked(self._ops.delete(self._handle, name.encode(), 0, ctypes.byref(self._error)))

    def _checked(self, result):
        if result != 0:
            raise StoreError(result, self._error.message.decode())
        return result


def stored(path):
    """{name: bytes} of all that is stored at `path`."""
    with Store(path, read_only=True) as store:
        return {name: store.get(name) for name in store.names()}


def put(path, name, value):
    with Store(path) as store:
        store.put(name, value)


def is_locked(path):
    with Store(path) as store:
        return not store.try_lock()
