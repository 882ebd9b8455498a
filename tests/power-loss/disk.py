# SPDX-License-Identifier: BSD-3-Clause
"""A disk and what power loss may leave of it.

The model is the weakest that POSIX allows.  Since the last sync of a file each of its blocks that was
written may have reached the medium or not, and its size may have changed or not, in any combination;
since the last sync of a directory each of its changes may have reached the medium or not, a rename
within it as a whole.  To sync a file says nothing of its name, to sync a directory nothing of the
data of its files.  What was never written within the size of a file reads as zero bytes.
"""

import collections
import os

# What a medium writes as a whole.
BLOCK = 512

# Contents of a file that are kept, since many choices have the same.
CACHED = 500


class Change:
    """One thing that may or may not have reached the medium."""

    def __init__(self, number, forced=False):
        self.number = number  # of the event that made it: those of one write have one number
        self.forced = forced  # it has, but earlier changes of the same file may not have


class Block(Change):
    def __init__(self, number, forced, offset, data):
        super().__init__(number, forced)
        self.offset, self.data = offset, data

    def __repr__(self):
        return f"bytes {self.offset} to {self.offset + len(self.data)}"


class Size(Change):
    def __init__(self, number, forced, size):
        super().__init__(number, forced)
        self.size = size

    def __repr__(self):
        return f"size {self.size}"


class Names(Change):
    def __init__(self, number, names):
        super().__init__(number)
        self.names = names  # {name: inode, or None where it went}

    def __repr__(self):
        return ", ".join(f"{name} {'made' if inode else 'gone'}"
                         for name, inode in self.names.items())


class File:
    def __init__(self, content=b""):
        self.durable = content
        self.changes = []
        self.mapped = False
        self.extent = len(content)  # where it was written at any time
        self._cache = {}

    def content(self, chosen):
        """What is in it if of its changes those in `chosen` have reached the medium."""
        mine = tuple(change for change in self.changes if change in chosen or change.forced)
        if mine not in self._cache:
            if len(self._cache) == CACHED:
                self._cache.clear()
            self._cache[mine] = self._apply(mine)
        return self._cache[mine]

    def _apply(self, changes):
        data, size = bytearray(self.durable), len(self.durable)
        for change in changes:
            if isinstance(change, Size):
                size = change.size
                del data[size:]
            else:
                end = change.offset + len(change.data)
                if len(data) < end:
                    data.extend(bytes(end - len(data)))
                data[change.offset:end] = change.data
        data.extend(bytes(max(0, size - len(data))))
        return bytes(data[:size])

    def size(self):
        sizes = [change.size for change in self.changes if isinstance(change, Size)]
        return sizes[-1] if sizes else len(self.durable)

    def write(self, number, forced, offset, data):
        end = offset + len(data)
        # Zero bytes where nothing was are the same, there or not.
        position = end if offset >= self.extent and not any(data) else offset
        self.extent = max(self.extent, end)
        while position < end:
            upto = min(end, (position // BLOCK + 1) * BLOCK)
            self._add(Block(number, forced, position, data[position - offset:upto - offset]))
            position = upto
        if end > self.size():
            self._add(Size(number, forced, end))
        return end

    def truncate(self, number, size):
        if size != self.size():
            self._add(Size(number, False, size))

    def sync(self):
        self.durable = self.content(set(self.changes))
        self.changes = []
        self._cache = {}

    def _add(self, change):
        self.changes.append(change)


class Directory:
    def __init__(self):
        self.durable = {}  # {name: inode}
        self.changes = []

    def names(self, chosen=None):
        """What stands in it, of all changes or of those in `chosen`."""
        names = dict(self.durable)
        for change in self.changes:
            if chosen is None or change in chosen:
                names.update(change.names)
        return {name: inode for name, inode in names.items() if inode is not None}

    def change(self, number, names):
        self.changes.append(Names(number, names))

    def sync(self):
        self.durable = self.names()
        self.changes = []


Handle = collections.namedtuple("Handle", "inode synced")


class Disk:
    """Starts as what lies in the directory `root`, all of it durable; other places are no part of it.
    `tree` stands for that of an earlier disk."""

    def __init__(self, root, tree=None):
        self.root_path = root
        self.initial = read_tree(root) if tree is None else tree
        self.root = _load(self.initial)
        self.handles = []
        self.events = 0
        self.inodes = [self.root, *(inode for _, inode in _walk(self.root, ""))]

    # ------------------------------------------------------------------------ recording

    def place(self, directory, path):
        """(inode number of the directory, name) of a path relative to that handle; None if the path
        leads elsewhere, or has no directory here."""
        if path.startswith("/"):
            if path != self.root_path and not path.startswith(self.root_path + "/"):
                return None
            inode, path = self.root, path[len(self.root_path):].strip("/") or "."
        elif directory is None:
            return None
        else:
            inode = self.handles[directory].inode
        *parents, name = path.split("/")
        for parent in parents:
            inode = inode.names()[parent]
        if name == "..":
            inode, name = self._parent(inode), "."
        return None if inode is None else (self.inodes.index(inode), name)

    def _parent(self, inode):
        return next((parent for parent in self.inodes
                     if isinstance(parent, Directory) and inode in parent.names().values()), None)

    def apply(self, event):
        """Does what the event says.  Gives a handle for "open", the position behind it for "write".
        """
        self.events += 1
        return getattr(self, f"_{event[0]}")(*event[1:])

    def _make(self, parent, name, inode):
        self.inodes.append(inode)
        parent.change(self.events, {name: inode})
        return inode

    def _reply(self):
        pass

    _mark = _reply

    def _open(self, directory, name, flags):
        parent = self.inodes[directory]
        inode = parent if name == "." else parent.names().get(name)
        if inode is None:
            inode = self._make(parent, name, File())
        if "O_TRUNC" in flags:
            inode.truncate(self.events, 0)
        if "O_APPEND" in flags:
            raise ValueError(f"{name} is opened for appending")
        self.handles.append(Handle(inode, "O_DSYNC" in flags or "O_SYNC" in flags))
        return len(self.handles) - 1

    def _write(self, handle, offset, data):
        inode, synced = self.handles[handle]
        return inode.write(self.events, synced, offset, data)

    def _truncate(self, handle, size):
        self.handles[handle].inode.truncate(self.events, size)

    def _map(self, handle):
        self.handles[handle].inode.mapped = True

    def _sync(self, handle):
        if handle is not None:
            self.handles[handle].inode.sync()
            return
        for inode in self._reachable():
            inode.sync()

    def _mkdir(self, directory, name):
        self._make(self.inodes[directory], name, Directory())

    def _unlink(self, directory, name):
        self.inodes[directory].change(self.events, {name: None})

    def _rename(self, old_directory, old, new_directory, new):
        source, target = self.inodes[old_directory], self.inodes[new_directory]
        inode = source.names()[old]
        if source is target:
            source.change(self.events, {old: None, new: inode})
        else:
            target.change(self.events, {new: inode})
            source.change(self.events, {old: None})

    # ------------------------------------------------------------------------ power loss

    def _reachable(self):
        """All inodes that some choice of changes leaves a name."""
        found, todo = [], [self.root]
        while todo:
            inode = todo.pop()
            if inode in found:
                continue
            found.append(inode)
            if isinstance(inode, Directory):
                todo += inode.durable.values()
                todo += [child for change in inode.changes for child in change.names.values()
                         if child is not None]
        return found

    def pending(self):
        """The changes that may be lost, in the order in which they were made."""
        changes = [change for inode in self._reachable() for change in inode.changes
                   if not change.forced]
        return sorted(changes, key=lambda change: change.number)

    def tree(self, chosen):
        """{path: content, or None for a directory} if those changes have reached the medium."""
        found = {}
        self._collect(self.root, "", chosen, found)
        return found

    def _collect(self, directory, path, chosen, found):
        for name, inode in directory.names(chosen).items():
            if isinstance(inode, Directory):
                found[path + name] = None
                self._collect(inode, f"{path}{name}/", chosen, found)
            else:
                found[path + name] = inode.content(chosen)

    def mapped(self):
        """The paths of files that were written through memory, too, which is not followed."""
        return {path for path, inode in _walk(self.root, "") if
                isinstance(inode, File) and inode.mapped}


def _walk(directory, path):
    for name, inode in directory.names().items():
        yield path + name, inode
        if isinstance(inode, Directory):
            yield from _walk(inode, f"{path}{name}/")


def _load(tree):
    """A durable directory from {path: content, or None for a directory}."""
    root = Directory()
    for path, content in sorted(tree.items()):
        *parents, name = path.split("/")
        directory = root
        for parent in parents:
            directory = directory.durable[parent]
        directory.durable[name] = Directory() if content is None else File(content)
    return root


def read_tree(root):
    """{path: content, or None for a directory} of what lies there now."""
    tree = {}
    for directory, names, files in os.walk(root):
        for name in names:
            tree[os.path.relpath(os.path.join(directory, name), root)] = None
        for name in files:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                tree[os.path.relpath(path, root)] = file.read()
    return tree


def write_tree(root, tree):
    """Makes the directory `root` with that in it."""
    os.makedirs(root)
    for path, content in sorted(tree.items()):
        where = os.path.join(root, path)
        if content is None:
            os.mkdir(where)
            continue
        with open(where, "wb") as file:
            file.write(content)
