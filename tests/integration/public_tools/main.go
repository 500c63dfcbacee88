// Reads what we wrote with tools that others wrote, and writes what we are to read.
//
// One request a line of JSON on standard input, one answer a line on standard output: {"error": "…"} or the values
// asked for. Nothing of ours is used here, so that a mistake of ours cannot be made twice.
//
// golang.org/x/mod is 0.40 or later: before, wrong tiles could pass (CVE-2026-56865), which these tests find.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/torchwood"
	tnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Request is one of all; each operation takes its own fields.
type Request struct {
	Op, Note, Policy, Proof, Dir, Path, Name string
	Vkeys                                    []string
	Entry, OldRoot, NewRoot, Leaf            []byte
	Hashes, Entries                          [][]byte
	Old, New, Index                          int64
}

type answer map[string]any

var operations = map[string]func(Request) (answer, error){
	"open":        open,
	"proof":       verifyProof,
	"inclusion":   inclusion,
	"consistency": consistency,
	"tiles":       tiles,
	"path":        path,
	"make":        makeAll,
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	decoder := json.NewDecoder(in)
	for decoder.More() {
		var request Request
		if err := decoder.Decode(&request); err != nil {
			panic(err)
		}
		found, err := operations[request.Op](request)
		if err != nil {
			found = answer{"error": err.Error()}
		}
		if err := out.Encode(found); err != nil {
			panic(err)
		}
	}
}

// verifier makes a key's verifier: sumdb/note knows Ed25519, transparency-dev/formats the cosignatures.
func verifier(vkey string) (note.Verifier, error) {
	if v, err := note.NewVerifier(vkey); err == nil {
		return v, nil
	}
	return tnote.NewVerifierForCosignatureV1(vkey)
}

// open says whose signatures under a note are good. Any false one of a known key is an error.
func open(r Request) (answer, error) {
	var list []note.Verifier
	for _, vkey := range r.Vkeys {
		v, err := verifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", vkey, err)
		}
		list = append(list, v)
	}
	opened, err := note.Open([]byte(r.Note), note.VerifierList(list...))
	if err != nil {
		return nil, err
	}
	signed := map[string]int64{}
	for _, s := range opened.Sigs {
		signed[fmt.Sprintf("%s+%08x", s.Name, s.Hash)] = 0
		if t, err := tnote.CoSigV1Timestamp(s); err == nil {
			signed[fmt.Sprintf("%s+%08x", s.Name, s.Hash)] = t.Unix()
		}
	}
	return answer{"text": opened.Text, "signed": signed}, nil
}

// verifyProof checks a tlog-proof by a policy, both read by torchwood.
func verifyProof(r Request) (answer, error) {
	policy, err := torchwood.ParsePolicy([]byte(r.Policy))
	if err != nil {
		return nil, err
	}
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(r.Entry), []byte(r.Proof)); err != nil {
		return nil, err
	}
	return answer{"ok": true}, nil
}

func inclusion(r Request) (answer, error) {
	err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(r.Index), uint64(r.New), r.Leaf, r.Hashes, r.NewRoot)
	return answer{"ok": true}, err
}

// consistency asks two implementations, which must agree.
func consistency(r Request) (answer, error) {
	if len(r.OldRoot) != tlog.HashSize || len(r.NewRoot) != tlog.HashSize {
		return nil, fmt.Errorf("a root of another length")
	}
	var steps tlog.TreeProof
	for _, h := range r.Hashes {
		steps = append(steps, tlog.Hash(h))
	}
	one := tlog.CheckTree(steps, r.New, tlog.Hash(r.NewRoot), r.Old, tlog.Hash(r.OldRoot))
	two := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(r.Old), uint64(r.New), r.Hashes, r.OldRoot, r.NewRoot)
	if (one == nil) != (two == nil) {
		panic(fmt.Sprintf("the tools disagree: %v, %v", one, two))
	}
	return answer{"ok": true}, one
}

// tiles reads a log's directory: the root that its tiles make, the records in its bundles, and proofs of both kinds
// made from the tiles.
func tiles(r Request) (answer, error) {
	tree := tlog.Tree{N: r.New, Hash: tlog.Hash(r.NewRoot)}
	read := readTiles(r.Dir)
	hashes := torchwood.TileHashReaderWithContext(context.Background(), tree, read)
	root, err := tlog.TreeHash(r.New, hashes) // every tile is checked against tree.Hash on the way
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for n := int64(0); n*256 < r.New; n++ {
		t := tlog.Tile{H: 8, L: -1, N: n, W: int(min(256, r.New-n*256))}
		data, err := os.ReadFile(filepath.Join(r.Dir, torchwood.TilePath(t)))
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			var entry []byte
			if entry, data, err = torchwood.ReadTileEntry(data); err != nil {
				return nil, err
			}
			entries = append(entries, bytes.Clone(entry))
		}
	}
	record, err := tlog.ProveRecord(r.New, r.Index, hashes)
	if err != nil {
		return nil, err
	}
	grown, err := tlog.ProveTree(r.New, r.Old, hashes)
	if err != nil {
		return nil, err
	}
	return answer{"root": root[:], "entries": entries, "inclusion": raw(record), "consistency": raw(grown)}, nil
}

type readTiles string

func (dir readTiles) ReadTiles(_ context.Context, want []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, t := range want {
		data, err := os.ReadFile(filepath.Join(string(dir), torchwood.TilePath(t)))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (dir readTiles) ReadEndpoint(_ context.Context, path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(dir), path))
}

func (readTiles) SaveTiles([]tlog.Tile, [][]byte) {}

// path reads a tile's path and writes it again.
func path(r Request) (answer, error) {
	t, err := torchwood.ParseTilePath(r.Path)
	if err != nil {
		return nil, err
	}
	return answer{"level": t.L, "number": t.N, "width": t.W, "path": torchwood.TilePath(t)}, nil
}

// makeAll makes a log of these entries with tools of others: keys, a checkpoint that the log signed and witnesses
// cosigned, a proof of one entry and of the tree's growth.
func makeAll(r Request) (answer, error) {
	log, logKey, err := note.GenerateKey(rand.Reader, r.Name)
	if err != nil {
		return nil, err
	}
	witness, witnessKey, err := note.GenerateKey(rand.Reader, "ed25519.witness.example")
	if err != nil {
		return nil, err
	}
	pq, pqKey, err := tnote.GenerateMLDSAKey("mldsa.witness.example")
	if err != nil {
		return nil, err
	}
	if witnessKey, err = tnote.VKeyToCosignatureV1(witnessKey); err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(log)
	if err != nil {
		return nil, err
	}
	one, err := tnote.NewSignerForCosignatureV1(witness)
	if err != nil {
		return nil, err
	}
	two, err := tnote.NewSignerForCosignatureV1(pq)
	if err != nil {
		return nil, err
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, i := range indexes {
			found = append(found, stored[i])
		}
		return found, nil
	})
	for n, entry := range r.Entries {
		more, err := tlog.StoredHashes(int64(n), entry, reader)
		if err != nil {
			return nil, err
		}
		stored = append(stored, more...)
	}
	size := int64(len(r.Entries))
	root, err := tlog.TreeHash(size, reader)
	if err != nil {
		return nil, err
	}
	oldRoot, err := tlog.TreeHash(r.Old, reader)
	if err != nil {
		return nil, err
	}
	checkpoint := torchwood.Checkpoint{Origin: r.Name, Tree: tlog.Tree{N: size, Hash: root}}
	signed, err := note.Sign(&note.Note{Text: checkpoint.String()}, signer, one, two)
	if err != nil {
		return nil, err
	}
	record, err := tlog.ProveRecord(size, r.Index, reader)
	if err != nil {
		return nil, err
	}
	grown, err := tlog.ProveTree(size, r.Old, reader)
	if err != nil {
		return nil, err
	}
	return answer{
		"log": logKey, "witnesses": []string{witnessKey, pqKey}, "checkpoint": string(signed),
		"proof":       string(torchwood.FormatProof(r.Index, record, signed)),
		"withExtra":   string(torchwood.FormatProofWithExtraData(r.Index, []byte(strings.Repeat("extra", 3)), record, signed)),
		"consistency": raw(grown), "oldRoot": oldRoot[:], "root": root[:],
	}, nil
}

func raw(hashes []tlog.Hash) [][]byte {
	found := [][]byte{}
	for _, h := range hashes {
		found = append(found, h[:])
	}
	return found
}
