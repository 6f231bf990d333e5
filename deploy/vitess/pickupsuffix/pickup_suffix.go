// Package pickupsuffix adds the pickup_suffix vindex to the Vitess binary that
// imports it. vtgate, vttablet, vtctld, vtcombo and vtexplain all build the
// vschema, so each of them has to be linked with this package; one that is not
// reports the whole keyspace as broken.
package pickupsuffix

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/bits"
	"strconv"

	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/key"
	vtrpcpb "vitess.io/vitess/go/vt/proto/vtrpc"
	"vitess.io/vitess/go/vt/vterrors"
	"vitess.io/vitess/go/vt/vtgate/vindexes"
)

const (
	// paramDigits says how many of the last digits of the column are the suffix.
	paramDigits   = "digits"
	defaultDigits = 2
	minDigits     = 1
	maxDigits     = 4
)

// PickupSuffix does not claim vindexes.Reversible on purpose: vtgate would then
// fill a NULL code of an INSERT with a value made up from the keyspace id.
var (
	_ vindexes.SingleColumn    = (*PickupSuffix)(nil)
	_ vindexes.Hashing         = (*PickupSuffix)(nil)
	_ vindexes.ParamValidating = (*PickupSuffix)(nil)
)

// PickupSuffix defines a vindex that maps a string to the KeyspaceId its last
// digits point at, read as a decimal fraction of the keyspace: with two digits,
// a value ending in "07" is 0.07 of the way along. It's Unique and Functional.
//
// One vindex therefore serves every column that ends in the suffix: a CHAR(2)
// holding nothing else, an 8-digit pickup code, an appointment id. Put on two
// columns of one table, it makes Vitess refuse a code whose suffix is not its
// owner's.
//
// Such a column has to be a CHAR or VARCHAR. A number has lost its leading
// zeros, and a DECIMAL or a float prints digits nobody stored, so only strings
// are read. Everything else maps nowhere: INSERT fails and SELECT finds no row,
// always, rather than for some codes only.
type PickupSuffix struct {
	name          string
	digits        int
	unknownParams []string
}

// newPickupSuffix creates a new PickupSuffix.
func newPickupSuffix(name string, params map[string]string) (vindexes.Vindex, error) {
	digits, err := getDigits(params)
	if err != nil {
		return nil, err
	}
	return &PickupSuffix{
		name:          name,
		digits:        digits,
		unknownParams: vindexes.FindUnknownParams(params, []string{paramDigits}),
	}, nil
}

// String returns the name of the vindex.
func (vind *PickupSuffix) String() string {
	return vind.name
}

// Cost returns the cost of this vindex as 1. As the cost is the same on every
// column, VReplication reads the first one in the vschema: list the column that
// is never NULL first.
func (vind *PickupSuffix) Cost() int {
	return 1
}

// IsUnique returns true since a value has one keyspace id at most.
func (vind *PickupSuffix) IsUnique() bool {
	return true
}

// NeedsVCursor returns false since the value says it all.
func (vind *PickupSuffix) NeedsVCursor() bool {
	return false
}

// Map can map ids to key.ShardDestination objects. An id without a suffix maps
// to key.DestinationNone.
func (vind *PickupSuffix) Map(ctx context.Context, vcursor vindexes.VCursor, ids []sqltypes.Value) ([]key.ShardDestination, error) {
	out := make([]key.ShardDestination, 0, len(ids))
	for _, id := range ids {
		ksid, ok := vPickupSuffix(id, vind.digits)
		if !ok {
			out = append(out, key.DestinationNone{})
			continue
		}
		out = append(out, key.DestinationKeyspaceID(ksid[:]))
	}
	return out, nil
}

// Verify returns true for every id that maps to its ksid.
func (vind *PickupSuffix) Verify(ctx context.Context, vcursor vindexes.VCursor, ids []sqltypes.Value, ksids [][]byte) ([]bool, error) {
	out := make([]bool, 0, len(ids))
	for i, id := range ids {
		ksid, ok := vPickupSuffix(id, vind.digits)
		out = append(out, ok && bytes.Equal(ksid[:], ksids[i]))
	}
	return out, nil
}

// Hash returns the keyspace id of one value, for use as a part of a multicol
// vindex. The error does not repeat the value: it may be a live code.
func (vind *PickupSuffix) Hash(id sqltypes.Value) ([]byte, error) {
	ksid, ok := vPickupSuffix(id, vind.digits)
	if !ok {
		return nil, vterrors.Errorf(vtrpcpb.Code_INVALID_ARGUMENT, "vindex '%s' wants a string that ends in %d digits, got another %v", vind.name, vind.digits, id.Type())
	}
	return ksid[:], nil
}

// UnknownParams implements the ParamValidating interface.
func (vind *PickupSuffix) UnknownParams() []string {
	return vind.unknownParams
}

func init() {
	vindexes.Register("pickup_suffix", newPickupSuffix)
}

func getDigits(params map[string]string) (int, error) {
	value, ok := params[paramDigits]
	if !ok {
		return defaultDigits, nil
	}
	digits, err := strconv.ParseUint(value, 10, 8)
	if err != nil || digits < minDigits || digits > maxDigits {
		return 0, vterrors.Errorf(vtrpcpb.Code_INVALID_ARGUMENT, "number of suffix digits should be between %d and %d in the parameter '%s', got '%s'", minDigits, maxDigits, paramDigits, value)
	}
	return int(digits), nil
}

// vPickupSuffix returns the keyspace id of a value, and false if it has none.
//
// The last digits of the value are the number n, and the keyspace id is
//
//	floor(n * 2^64 / 10^digits)
//
// as eight bytes, the highest first. Rows lie where this formula put them, so it
// is frozen by testdata/suffix_golden.json, which the TypeScript twin in
// services/shared/suffix.ts reads as well.
//
// What follows from it:
//   - A suffix is one point of the keyspace, and no shard edge can cut a point:
//     all rows of a suffix share a shard, however the keyspace is split.
//   - Suffixes keep their order, evenly spaced. Split into N equal shards, with N
//     a power of two, suffix n is in shard floor(n * N / 10^digits): the floor
//     above never moves a suffix below an edge, since such an edge is a whole
//     number. Two digits fill up to 100 shards (past 86, give the edges two bytes).
//   - "07" and "070" are the same fraction. A suffix made wider by a digit cuts
//     the gaps in ten and leaves each old suffix where it was.
//
// The digits are the ten ASCII ones and nothing may follow them. A collation can
// think more forms equal (full-width digits, a trailing space); those map
// nowhere, so only a binary collation without padding (utf8mb4_0900_bin) agrees.
func vPickupSuffix(id sqltypes.Value, digits int) (ksid [8]byte, ok bool) {
	switch id.Type() {
	case sqltypes.Char, sqltypes.VarChar, sqltypes.Text, sqltypes.Binary, sqltypes.VarBinary, sqltypes.Blob:
	default:
		return ksid, false
	}
	shardKey := id.Raw()
	if len(shardKey) < digits {
		return ksid, false
	}
	n, suffixes := uint64(0), uint64(1)
	for _, c := range shardKey[len(shardKey)-digits:] {
		if c < '0' || c > '9' {
			return ksid, false
		}
		n = n*10 + uint64(c-'0')
		suffixes *= 10
	}
	// The 128-bit dividend is n * 2^64: n is its high word.
	fraction, _ := bits.Div64(n, 0, suffixes)
	binary.BigEndian.PutUint64(ksid[:], fraction)
	return ksid, true
}
