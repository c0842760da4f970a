package crd

import (
	"context"
	"encoding/json"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// tableType asks the API server for the table that kubectl get prints.
const tableType = "application/json;as=Table;v=v1;g=meta.k8s.io"

// wide is the priority of columns that only -o wide prints.
const wide = 1

// column is a printed column: its name and its priority.
type column struct {
	name     string
	priority int32
}

// table lists a kind as kubectl get does.
func table(ctx context.Context, namespace, kind string) metav1.Table {
	GinkgoHelper()
	answer, err := discover().RESTClient().Get().
		AbsPath("/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", namespace, plural(kind)).
		SetHeader("Accept", tableType).
		DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred())
	var listed metav1.Table
	Expect(json.Unmarshal(answer, &listed)).To(Succeed())
	return listed
}

// columns returns the columns of a table, without the name, which every kind has.
func columns(listed metav1.Table) []column {
	var found []column
	for _, definition := range listed.ColumnDefinitions[1:] {
		found = append(found, column{definition.Name, definition.Priority})
	}
	return found
}

// row returns the only row of a table, by column. It leaves out times, which must not be empty.
func row(listed metav1.Table) map[string]any {
	GinkgoHelper()
	Expect(listed.Rows).To(HaveLen(1))
	cells := map[string]any{}
	for i, definition := range listed.ColumnDefinitions {
		if definition.Type == "date" {
			Expect(listed.Rows[0].Cells[i]).NotTo(BeEmpty(), definition.Name)
			continue
		}
		cells[definition.Name] = listed.Rows[0].Cells[i]
	}
	return cells
}

// The rows below are those of the status examples in the reference.
var _ = DescribeTable("kubectl get prints",
	func(ctx SpecContext, kind string, wantColumns []column, wantRow map[string]any) {
		namespace := newNamespace(ctx)
		Expect(apply(ctx, namespace, statusExample(kind))).To(Succeed())
		listed := table(ctx, namespace, kind)
		Expect(columns(listed)).To(Equal(wantColumns))
		Expect(row(listed)).To(Equal(wantRow))
	},
	Entry("the directory", "CloudSSODirectory",
		[]column{
			{"Synchronization", 0},
			{"Active", 0},
			{"Disabled", 0},
			{"Groups", 0},
			{"Credentials", 0},
			{"Resync needed", 0},
			{"Last request", 0},
			{"Age", 0},
			{"Endpoint", wide},
			{"Resume at", wide},
			{"Withheld", wide},
		},
		map[string]any{
			"Name": "default", "Withheld": nil, "Resume at": nil, "Synchronization": "Enabled", "Active": 412.0, "Disabled": 9.0, "Groups": 28.0,
			"Credentials": 1.0, "Resync needed": "True", "Endpoint": "https://sso.example.com/scim/v2",
		}),
	Entry("users", "CloudSSOUser",
		[]column{
			{"UserName", 0},
			{"Display name", 0},
			{"State", 0},
			{"Source", 0},
			{"Age", 0},
			{"Email", wide},
			{"External ID", wide},
			{"Withheld", wide},
		},
		map[string]any{
			"Withheld": nil, "Name": "bjensen-example-com-x7k2p", "UserName": "bjensen@example.com", "Display name": "Barbara Jensen",
			"State": "Suspended", "Source": "SCIM", "Email": "bjensen@example.com", "External ID": "00ujl29u0le5T6Aj10h7",
		}),
	Entry("groups", "CloudSSOGroup",
		[]column{
			{"Display name", 0},
			{"Members", 0},
			{"Ready", 0},
			{"Source", 0},
			{"Age", 0},
			{"External ID", wide},
			{"Effective", wide},
			{"Manual", wide},
		},
		map[string]any{
			"Name": "tour-guides-q4m8z", "Display name": "Tour Guides", "Members": 2.0, "Ready": "True",
			"Source": "SCIM", "External ID": "00g1emaKYZTWRYYRRTSK", "Effective": nil, "Manual": 1.0,
		}),
	Entry("credentials", "SCIMCredential",
		[]column{
			{"Ready", 0},
			{"Usable", 0},
			{"Reason", 0},
			{"Expires", 0},
			{"Last used", 0},
			{"Age", 0},
			{"Token", wide},
			{"Fingerprint", wide},
			{"Secret", wide},
			{"Description", wide},
		},
		map[string]any{
			"Name": "okta", "Ready": "True", "Usable": "True", "Reason": "Usable", "Expires": "2027-11-02T09:00:00Z",
			"Token": "Minted", "Fingerprint": "3a7bd3e2", "Secret": "okta-3a7bd3e2", "Description": "Okta production",
		}),
)

var _ = Describe("kubectl get", func() {
	It("prints claims", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		Expect(cluster.Create(ctx, object(namespace, claimKind, least(claimKind)))).To(Succeed())
		listed := table(ctx, namespace, claimKind)
		Expect(columns(listed)).To(Equal([]column{{"Kind", 0}, {"Claimed name", 0}, {"Holder", 0}, {"Age", 0}}))
		Expect(row(listed)).To(Equal(map[string]any{
			"Name": "default", "Kind": "CloudSSOUser", "Claimed name": "ada@example.com", "Holder": "ada-x7k2p",
		}))
	})

	It("prints Active for a user whose status has not been written", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		Expect(cluster.Create(ctx, object(namespace, "CloudSSOUser", least("CloudSSOUser")))).To(Succeed())
		Expect(row(table(ctx, namespace, "CloudSSOUser"))).To(HaveKeyWithValue("State", "Active"))
	})
})

var _ = Describe("The printed columns in the reference", func() {
	for _, kind := range kinds {
		It("are those of "+kind, func(ctx SpecContext) {
			_, section, found := strings.Cut(referencePages()[strings.ToLower(kind)], "\n## Printed columns\n")
			Expect(found).To(BeTrue())
			section, _, _ = strings.Cut(section, "\n## ")
			for _, column := range columns(table(ctx, newNamespace(ctx), kind)) {
				Expect(section).To(MatchRegexp(`\b` + strings.ToUpper(column.name) + `\b`))
			}
		})
	}
})

// statusExample returns the one example with a status on the page of a kind.
func statusExample(kind string) *unstructured.Unstructured {
	GinkgoHelper()
	for _, example := range examples(referencePages()[strings.ToLower(kind)]) {
		shown := manifests([]byte(example.yaml))[0]
		if _, hasStatus := shown.Object["status"]; hasStatus {
			return shown
		}
	}
	Fail("no example with a status on the page of " + kind)
	return nil
}
