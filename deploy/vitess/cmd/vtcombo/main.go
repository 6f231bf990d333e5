// vtcombo is all of Vitess in one process (topology, vtctld, vtgate, tablets),
// here with the pickup_suffix vindex linked in.
package main

import (
	"fmt"
	"os"

	_ "slotmesh/vitess/pickupsuffix"

	"vitess.io/vitess/go/cmd/vtcombo/cli"
	"vitess.io/vitess/go/vt/log"
	"vitess.io/vitess/go/vt/utils"
)

func main() {
	cli.Main.SetGlobalNormalizationFunc(utils.NormalizeUnderscoresToDashes)
	if err := cli.Main.Execute(); err != nil {
		log.Error(fmt.Sprint(err))
		os.Exit(1)
	}
}
