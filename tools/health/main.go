// health tells how GitOps tools judge an object: Flux by kstatus, Argo CD by a health script in Lua.
//
//	kubectl get quarantine web-7 -o json | health <script.lua>
//
// It prints one JSON object. The tests run it on objects of a real API server. It changes nothing and asks nobody.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// Argo CD gives a script one second.
const patience = time.Second

type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("one argument is wanted, the health script; got %d", len(os.Args)-1)
	}
	script, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	object := &unstructured.Unstructured{}
	// Not json.Unmarshal: kstatus wants whole numbers as int64.
	if err := object.UnmarshalJSON(text); err != nil {
		return err
	}
	flux, err := byKstatus(object)
	if err != nil {
		return err
	}
	argo, err := byArgo(object, string(script))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]verdict{"kstatus": flux, "argo": argo})
}

func byKstatus(object *unstructured.Unstructured) (verdict, error) {
	result, err := status.Compute(object)
	if err != nil {
		return verdict{}, err
	}
	return verdict{Status: string(result.Status), Message: result.Message}, nil
}

// byArgo does as Argo CD does: what is being deleted is Progressing, and no script is asked ("Resource Health", Argo CD's
// documentation; pkg/health of its engine); else the script says, without Lua's standard libraries but for base and table.
func byArgo(object *unstructured.Unstructured, script string) (verdict, error) {
	if object.GetDeletionTimestamp() != nil {
		return verdict{Status: "Progressing", Message: "Pending deletion"}, nil
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, library := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		call := lua.P{Fn: state.NewFunction(library), Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return verdict{}, err
		}
	}
	limit, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	state.SetContext(limit)
	state.SetGlobal("obj", toLua(state, object.Object))
	if err := state.DoString(script); err != nil {
		return verdict{}, err
	}
	answer, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return verdict{}, fmt.Errorf("the script answers a %s, not a table", state.Get(-1).Type())
	}
	said := verdict{Status: lua.LVAsString(answer.RawGetString("status")), Message: lua.LVAsString(answer.RawGetString("message"))}
	switch said.Status {
	case "Healthy", "Progressing", "Degraded", "Suspended":
		return said, nil
	}
	return verdict{}, fmt.Errorf("%q is no health that a script may answer", said.Status)
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	}
	return lua.LNil
}
